"""Vectors of samples as a Numba type.

A kernel that relaxes many samples of one network does the same arithmetic for each of them.
``Vector(dtype, width)`` holds one number for each of ``width`` samples ("lanes") in machine
registers, so that a field accumulated over neighbours never touches memory, which LLVM's loop
vectoriser does not achieve by itself. On processors with shorter registers LLVM splits the vector.

    lanes = Lanes(32)                    # passed to a kernel, it carries the width in its type
    f = load(lanes, field, 2 * i)        # of field[site, component, lane]: 32 cosines at site i
    f = fma(splat(lanes, w), load(lanes, u, 2 * j), f)
    store(f, field, 2 * i)

No lane's result depends on the width or on what the other lanes hold. All arithmetic is IEEE,
without estimates of the hardware and functions of a library, so that every processor gives the same
bits.
"""

import operator
from math import factorial

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import (
    NativeValue,
    intrinsic,
    lower_builtin,
    models,
    register_model,
    type_callable,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import _empty_nd_impl

from . import inline


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
        super().__init__(
            manager, vector, ir.VectorType(manager[vector.dtype].get_value_type(), vector.width)
        )


def _vectors(context, builder, array_type, array, vector):
    """Address of the data of a C-contiguous array, as a pointer to vectors."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(data, context.get_value_type(vector).as_pointer())


def _llvm(builder, name, return_type, vector, args, flags=()):
    """Call the LLVM intrinsic ``name`` of this vector type."""
    bits = 32 if isinstance(vector.element, ir.FloatType) else 64
    signature = ir.FunctionType(return_type, [a.type for a in args])
    function = cgutils.get_or_insert_function(
        builder.module, signature, f"llvm.{name}.v{vector.count}f{bits}"
    )
    return builder.call(function, args, fastmath=flags)


@intrinsic
def load(typingctx, lanes, array, n):
    """Vector number ``n`` of a C-contiguous array, all axes but the last taken as one.

    The last axis is the lanes. Nothing is checked.
    """
    vector = Vector(array.dtype, lanes.width)

    def codegen(context, builder, signature, args):
        pointer = builder.gep(_vectors(context, builder, array, args[1], vector), [args[2]])
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return vector(lanes, array, n), codegen


@intrinsic
def store(typingctx, vector, array, n):
    """Write vector number ``n`` of a C-contiguous array."""

    def codegen(context, builder, signature, args):
        pointer = builder.gep(_vectors(context, builder, array, args[1], vector), [args[2]])
        builder.store(args[0], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(vector, array, n), codegen


@intrinsic
def item(typingctx, array, n):
    """``array[n]`` for n ≥ 0, without the test for negative indices that a loop would repeat."""

    def codegen(context, builder, signature, args):
        return builder.load(
            builder.gep(context.make_array(array)(context, builder, args[0]).data, [args[1]])
        )

    return array.dtype(array, n), codegen


def _array(fill):
    @intrinsic
    def made(typingctx, like, shape):
        array = types.Array(like.dtype, len(shape), "C")

        def codegen(context, builder, signature, args):
            sides = cgutils.unpack_tuple(builder, args[1])
            whole = [context.cast(builder, n, t, types.intp) for n, t in zip(sides, shape)]
            new = _empty_nd_impl(context, builder, array, whole)
            if fill:
                size = builder.mul(new.nitems, new.itemsize)
                cgutils.memset(builder, new.data, size, 0)
            return new._getvalue()

        return array(like, shape), codegen

    return made


#: ``empty(like, shape)`` and ``zeros(like, shape)``: arrays of the dtype of the array `like`; far
#: less to compile than NumPy's.
empty, zeros = _array(False), _array(True)


@intrinsic
def splat(typingctx, like, value):
    """The same number in every lane, in as many lanes as ``like`` has."""
    dtype = getattr(like, "dtype", value)
    vector = Vector(dtype, like.width)

    def codegen(context, builder, signature, args):
        v = context.get_value_type(vector)
        number = context.cast(builder, args[1], value, dtype)
        one = builder.insert_element(
            ir.Constant(v, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
        )
        return builder.shuffle_vector(
            one, ir.Constant(v, ir.Undefined), ir.Constant(_indices(v.count), [0] * v.count)
        )

    return vector(like, value), codegen


def _indices(count):
    return ir.VectorType(ir.IntType(32), count)


@intrinsic
def join(typingctx, a, b):
    """One vector of the lanes of both."""
    vector = Vector(a.dtype, 2 * a.width)

    def codegen(context, builder, signature, args):
        return builder.shuffle_vector(
            *args, ir.Constant(_indices(vector.width), list(range(vector.width)))
        )

    return vector(a, b), codegen


def _half(first):
    @intrinsic
    def half(typingctx, a):
        vector = Vector(a.dtype, a.width // 2)

        def codegen(context, builder, signature, args):
            lanes = [first * vector.width + lane for lane in range(vector.width)]
            return builder.shuffle_vector(
                args[0], args[0], ir.Constant(_indices(vector.width), lanes)
            )

        return vector(a), codegen

    return half


low, high = _half(0), _half(1)


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
absolute = _elementwise("fabs", 1, "magnitude")
nearest = _elementwise("rint", 1, "the nearest integer")


@intrinsic
def is_double(typingctx, x):
    """Whether the lanes are float64; known when the kernel is compiled."""
    double = x.dtype.bitwidth == 64

    def codegen(context, builder, signature, args):
        return ir.Constant(ir.IntType(1), int(double))

    return types.boolean(x), codegen


@intrinsic
def times_power_of_two(typingctx, x, n):
    """x 2ⁿ for whole n, as long as it is a normal number."""
    bits, fraction = x.dtype.bitwidth, {32: 23, 64: 52}[x.dtype.bitwidth]

    def codegen(context, builder, signature, args):
        v = context.get_value_type(x)
        whole = ir.VectorType(ir.IntType(bits), v.count)
        step = builder.shl(builder.fptosi(args[1], whole), ir.Constant(whole, [fraction] * v.count))
        return builder.bitcast(builder.add(builder.bitcast(args[0], whole), step), v)

    return x(x, n), codegen


@inline
def series(coefficients, x, square):
    """Polynomial in `square`, highest coefficient first, in as many lanes as x has."""
    total = splat(x, 0.0)
    for c in coefficients:
        total = fma(total, square, splat(x, c))
    return total


#: ln 2 in two parts, the first one short enough for its multiples to be exact in float32.
_LN2 = (0.693359375, -2.121944400546905827679e-4)
_EXPONENTIAL = tuple(1.0 / factorial(k) for k in range(13, -1, -1))


@inline
def exponential(x):
    """eˣ to a few units in the last place, for |x| ≤ 80."""
    n = nearest(x * splat(x, 1.4426950408889634))
    r = fma(-n, splat(x, _LN2[1]), fma(-n, splat(x, _LN2[0]), x))
    return times_power_of_two(series(_EXPONENTIAL, x, r), n)


@intrinsic
def _bits_of_root(typingctx, x):
    """First guess of 1/√x: its bits are nearly linear in those of x."""

    def codegen(context, builder, signature, args):
        v = context.get_value_type(x)
        magic = _MAGIC[x.dtype.bitwidth]
        bits = ir.VectorType(ir.IntType(x.dtype.bitwidth), v.count)
        half = builder.lshr(builder.bitcast(args[0], bits), ir.Constant(bits, [1] * v.count))
        return builder.bitcast(builder.sub(ir.Constant(bits, [magic] * v.count), half), v)

    return x(x), codegen


#: By bits of the number; together with the constants of the first step in `rsqrt`.
_MAGIC = {32: 0x5F1FFFF9, 64: 0x5FE3FFFF20000000}


@inline
def rsqrt(x):
    """1/√x to a few units in the last place, of normal numbers x > 0.

    Multiplications and fma alone, so that all processors give the same bits; the estimates that
    they have in hardware differ. The first guess is within 3.5 %, the first step (constants of
    Jan Kadlec, 2010, which spread its error evenly) within 0.065 %. In float32 a step of Newton's,
    moved so that its error of one sign lies evenly around 0, leaves 3.2e-7; in float64 a step of
    third order and one of Newton's leave 1e-18.
    """
    y, half = _bits_of_root(x), splat(x, 0.5) * x
    y = (y * splat(x, 1.407904506)) * fma(-(half * y), y, splat(x, 1.19462228))
    if is_double(x):
        e = fma(-((half + half) * y), y, splat(x, 1.0))
        y = fma(y, e * fma(e, splat(x, 0.375), splat(x, 0.5)), y)
        return fma(y, fma(-(half * y), y, splat(x, 0.5)), y)
    return fma(y, fma(-(half * y), y, splat(x, 0.50000031)), y)


@intrinsic
def larger(typingctx, a, b):
    """The larger one, b being ≥ 0; a NaN is the larger.

    Compared as integers, whose order is that of floats unless both are negative.
    """

    def codegen(context, builder, signature, args):
        v = context.get_value_type(a)
        bits = ir.VectorType(ir.IntType(32 if isinstance(v.element, ir.FloatType) else 64), v.count)
        x, y = (builder.bitcast(arg, bits) for arg in args)
        return builder.bitcast(builder.select(builder.icmp_signed(">", x, y), x, y), v)

    return a(a, b), codegen


def _horizontal(name):
    @intrinsic
    def reduce(typingctx, vector):
        def codegen(context, builder, signature, args):
            v = context.get_value_type(vector)
            return _llvm(builder, name, v.element, v, list(args))

        return vector.dtype(vector), codegen

    return reduce


largest = _horizontal("vector.reduce.fmax")


def _folded(builder, x, segments):
    """The sum over each of the equal segments of a vector, halves added to halves."""
    width = x.type.count // segments
    while width > 1:
        width //= 2
        halves = (
            [2 * width * s + first + lane for s in range(segments) for lane in range(width)]
            for first in (0, width)
        )
        x = builder.fadd(
            *(
                builder.shuffle_vector(x, x, ir.Constant(_indices(segments * width), half))
                for half in halves
            )
        )
    return x


@intrinsic
def total(typingctx, vector):
    """Sum over the lanes, of which there must be a power of two."""

    def codegen(context, builder, signature, args):
        return builder.extract_element(_folded(builder, args[0], 1), ir.Constant(ir.IntType(32), 0))

    return vector.dtype(vector), codegen


@intrinsic
def totals(typingctx, vector):
    """Four sums, over each quarter of the lanes, as one vector: cheaper than four of `total`."""

    def codegen(context, builder, signature, args):
        return _folded(builder, args[0], 4)

    return Vector(vector.dtype, 4)(vector), codegen


@intrinsic
def where_greater(typingctx, a, b, x, y):
    """``x`` in the lanes where a > b, else ``y`` (a NaN compares as not greater)."""

    def codegen(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return a(a, b, x, y), codegen


def _operator(symbol, instruction, n_args=2):
    @type_callable(symbol)
    def of_vectors(context):
        def typer(*args):
            if len(args) == n_args and all(isinstance(a, Vector) for a in args):
                return args[0]

        return typer

    @lower_builtin(symbol, *[Vector] * n_args)
    def lowered(context, builder, signature, args):
        return getattr(builder, instruction)(*args)


_operator(operator.add, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")
_operator(operator.truediv, "fdiv")
_operator(operator.neg, "fneg", 1)
