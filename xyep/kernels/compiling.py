"""How kernels are compiled: one at a time, together with all that they call.

By itself Numba optimises each function and makes machine code of it, and does so once more within
each function that calls it. The parts of a kernel are only translated here; they are optimised
where they are used, in the kernel, which takes half of the time. Numba's interface for pipelines
of one's own is used, on the functions of this package alone.
"""

import gc

from numba import _dynfunc, typeof, types
from numba.core import typed_passes as typed
from numba.core import untyped_passes as untyped
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, _LowerResult
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass
from numba.core.registry import CPUDispatcher
from numba.core.runtime import rtsys


class WithinKernels(CPUDispatcher):
    """A function that has no machine code of its own for Python to call."""

    def __call__(self, *arguments):
        raise TypeError(f"{self.py_func.__qualname__}: only kernels can call it")

    def get_call_template(self, args, kws):
        """Compiled once for a type, not for each constant of it."""
        return super().get_call_template(tuple(map(types.unliteral, args)), kws)


class Address(types.WrapperAddressProtocol):
    """A kernel for arguments such as these, for other kernels to call rather than to contain."""

    def __init__(self, kernel, *arguments):
        of = tuple(map(typeof, arguments))
        kernel.compile(of)
        self._compiled = kernel.overloads[of]

    def signature(self):
        return self._compiled.signature

    def __wrapper_address__(self):
        name = self._compiled.fndesc.llvm_cfunc_wrapper_name
        return self._compiled.library.get_pointer_to_function(name)


class _Whole(JITCodeLibrary):
    """Code of a kernel, optimised once it is complete."""

    def _optimize_functions(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout


class _Part(_Whole):
    """Code of a part, neither optimised nor made executable."""

    def add_linking_library(self, library):
        if library is not rtsys.library:  # the kernel brings Numba's runtime
            super().add_linking_library(library)

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=False)
class _KernelLowering(LoweringPass):
    _name = "lowering of a kernel"

    def __init__(self):
        LoweringPass.__init__(self)

    def run_pass(self, state):
        state.library = _Whole(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return typed.NativeLowering().run_pass(state)


@register_pass(mutates_CFG=False, analysis_only=False)
class _PartLowering(LoweringPass):
    _name = "lowering of a part"

    def __init__(self):
        LoweringPass.__init__(self)

    def run_pass(self, state):
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        typed.NativeLowering().run_pass(state)
        described, helper, _, environment = state.cr
        name, module = described.qualname, described.lookup_module()
        found = _dynfunc.make_function(module, name, "", 0, environment, (state.library,))
        state.targetctx.insert_user_function(found, described, [state.library])
        state.cr = _LowerResult(described, helper, cfunc=found, env=environment)
        return True


class KernelCompiler(CompilerBase):
    """Numba's passes, without those for closures, array expressions and parallel loops."""

    lowering = _KernelLowering

    def _compile_core(self):
        collects = gc.isenabled()
        gc.disable()  # it would take a tenth of the time, and find little
        try:
            return super()._compile_core()
        finally:
            if collects:
                gc.enable()

    def define_pipelines(self):
        manager = PassManager("kernel")
        for one in (
            untyped.TranslateByteCode,
            untyped.FixupArgs,
            untyped.IRProcessing,
            untyped.RewriteSemanticConstants,
            untyped.DeadBranchPrune,
            untyped.GenericRewrites,
            untyped.ReconstructSSA,
            untyped.DeadBranchPrune,
            typed.NopythonTypeInference,
            typed.PreLowerStripPhis,
            typed.IRLegalization,
            typed.AnnotateTypes,
            self.lowering,
            typed.NoPythonBackend,
        ):
            manager.add_pass(one, one.__name__)
        manager.finalize()
        return [manager]


class PartCompiler(KernelCompiler):
    """The same for what only kernels call."""

    lowering = _PartLowering
