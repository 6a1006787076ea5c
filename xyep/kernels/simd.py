"""Vectors of samples as a Numba type.

A kernel that relaxes many samples of one network does the same arithmetic for each of them. ``Vector(dtype, width)`` holds one
number for each of ``width`` samples ("lanes") in machine registers, so that a field accumulated over neighbours never touches
memory, which LLVM's loop vectoriser does not achieve by itself. On processors with shorter registers LLVM splits the vector.

    lanes = Lanes(32)                      # passed to a kernel, it carries the width in its type
    f = load(lanes, field, (site, 0))      # 32 consecutive numbers field[site, 0, :]; all axes but the last are indexed
    f = fma(splat(lanes, w), load(lanes, u, (j, 0)), f)
    store(f, field, (site, 0))

Arithmetic is IEEE, lane by lane: no lane's result depends on the width or on what the other lanes hold.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import NativeValue, intrinsic, models, overload, register_model, typeof_impl, unbox


class Lanes:
    """Number of samples that a kernel advances together; a compile-time constant."""

    def __init__(self, width):
        self.width = width

    def __reduce__(self):
        return Lanes, (self.width,)


class LanesType(types.Type):
    def __init__(self, width):
        self.width = width
        super().__init__(name=f"Lanes({width})")


register_model(LanesType)(models.OpaqueModel)


@typeof_impl.register(Lanes)
def _typeof_lanes(value, context):
    return LanesType(value.width)


@unbox(LanesType)
def _unbox_lanes(typ, obj, c):
    return NativeValue(c.context.get_dummy_value())


class Vector(types.Type):
    def __init__(self, dtype, width):
        self.dtype = dtype
        self.width = width
        super().__init__(name=f"Vector({dtype} x {width})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, ir.VectorType(manager[vector.dtype].get_value_type(), vector.width))


def _pointer(context, builder, array_type, array, index_type, index, vector):
    """Address of ``array[(*index, 0)]`` as a pointer to a vector."""
    array = context.make_array(array_type)(context, builder, array)
    index = cgutils.unpack_tuple(builder, index, len(index_type))
    index.append(context.get_constant(types.intp, 0))
    pointer = cgutils.get_item_pointer(context, builder, array_type, array, index, wraparound=False)
    return builder.bitcast(pointer, context.get_value_type(vector).as_pointer())


def _llvm(builder, name, return_type, vector, args):
    """Call the LLVM intrinsic ``name`` of this vector type."""
    bits = 32 if isinstance(vector.element, ir.FloatType) else 64
    signature = ir.FunctionType(return_type, [a.type for a in args])
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.{name}.v{vector.count}f{bits}")
    return builder.call(function, args)


@intrinsic
def load(typingctx, lanes, array, index):
    """``array[(*index, :width)]``; the last axis must be contiguous."""
    vector = Vector(array.dtype, lanes.width)

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, array, args[1], signature.args[2], args[2], vector)
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return vector(lanes, array, index), codegen


@intrinsic
def store(typingctx, vector, array, index):
    """``array[(*index, :width)] = vector``"""

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, array, args[1], signature.args[2], args[2], vector)
        builder.store(args[0], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(vector, array, index), codegen


@intrinsic
def splat(typingctx, lanes, value):
    """The same number in every lane."""
    vector = Vector(value, lanes.width)

    def codegen(context, builder, signature, args):
        v = context.get_value_type(vector)
        undefined = ir.Constant(v, ir.Undefined)
        one = builder.insert_element(undefined, args[1], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), v.count), [0] * v.count)
        return builder.shuffle_vector(one, undefined, zeros)

    return vector(lanes, value), codegen


def _elementwise(name, n_args, doc):
    def codegen(context, builder, signature, args):
        v = context.get_value_type(signature.return_type)
        return _llvm(builder, name, v, v, list(args))

    if n_args == 1:

        def function(typingctx, a):
            return a(a), codegen
    elif n_args == 2:

        def function(typingctx, a, b):
            return a(a, b), codegen
    else:

        def function(typingctx, a, b, c):
            return a(a, b, c), codegen

    function.__doc__ = doc
    return intrinsic(function)


fma = _elementwise("fma", 3, "a b + c, rounded once")
sqrt = _elementwise("sqrt", 1, "square root")
absolute = _elementwise("fabs", 1, "magnitude")
maximum = _elementwise("maxnum", 2, "the larger one; a number wins over NaN")


def _horizontal(name):
    @intrinsic
    def reduce(typingctx, vector):
        def codegen(context, builder, signature, args):
            v = context.get_value_type(vector)
            return _llvm(builder, name, v.element, v, list(args))

        return vector.dtype(vector), codegen

    return reduce


largest = _horizontal("vector.reduce.fmax")


@intrinsic
def total(typingctx, vector):
    """Sum over the lanes in a fixed order: halves are added to halves. The width must be a power of two."""

    def codegen(context, builder, signature, args):
        x, width = args[0], vector.width
        while width > 1:
            width //= 2
            index = ir.VectorType(ir.IntType(32), width)
            low = builder.shuffle_vector(x, x, ir.Constant(index, list(range(width))))
            high = builder.shuffle_vector(x, x, ir.Constant(index, list(range(width, 2 * width))))
            x = builder.fadd(low, high)
        return builder.extract_element(x, ir.Constant(ir.IntType(32), 0))

    return vector.dtype(vector), codegen


@intrinsic
def where_greater(typingctx, a, b, x, y):
    """``x`` in the lanes where a > b, else ``y`` (a NaN compares as not greater)."""

    def codegen(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return a(a, b, x, y), codegen


def _operator(symbol, instruction):
    @intrinsic
    def binary(typingctx, a, b):
        def codegen(context, builder, signature, args):
            return getattr(builder, instruction)(*args)

        return a(a, b), codegen

    @overload(symbol)
    def _overload(a, b):
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: binary(a, b)


_operator(operator.add, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")
_operator(operator.truediv, "fdiv")
