using System.Runtime.InteropServices;

namespace Nixl.Sdk;

/// <summary>
/// One strided run of pieces: piece <c>i</c> is <c>[Base + i·Stride, Base + i·Stride + Length)</c>, 0 ≤ i &lt; Count. With
/// <see cref="Units"/> above 1 the stride is nested: a block of <c>Stride</c> bytes holds that many pieces, and piece <c>i</c> begins at
/// <c>Base + (i / Units)·Stride + (i % Units)·UnitStride</c>. Blittable: the memory layout is <c>nixl_strided_region_t</c> of the C ABI
/// (56 bytes), so that arrays of it are passed without a copy.
/// </summary>
/// <param name="Base">Address of piece 0 in the owner's address space.</param>
/// <param name="Stride">Bytes from one block to the next: with one unit, from one piece to the next.</param>
/// <param name="Length">Bytes of one piece.</param>
/// <param name="Count">Number of pieces; a multiple of the units.</param>
/// <param name="Kind">Kind of memory.</param>
/// <param name="Device">GPU ordinal for <see cref="MemoryKind.Vram"/>, else 0.</param>
/// <param name="Units">Pieces of one block; 0 and 1 mean one.</param>
/// <param name="UnitStride">Bytes from one piece of a block to the next; 0 with one unit.</param>
[StructLayout(LayoutKind.Explicit, Size = 56)]
public readonly record struct StridedRegion(
    [field: FieldOffset(0)] ulong Base,
    [field: FieldOffset(8)] ulong Stride,
    [field: FieldOffset(16)] ulong Length,
    [field: FieldOffset(24)] ulong Count,
    [field: FieldOffset(52)] MemoryKind Kind = MemoryKind.Dram,
    [field: FieldOffset(32)] ulong Device = 0,
    [field: FieldOffset(48)] uint Units = 0,
    [field: FieldOffset(40)] ulong UnitStride = 0)
{
    /// <summary>Where a piece begins. The region has been checked: nothing overflows for pieces below <see cref="Count"/>.</summary>
    internal ulong AddressOf(ulong piece) =>
        Units <= 1 ? Base + (piece * Stride) : Base + (piece / Units * Stride) + (piece % Units * UnitStride);

    /// <summary>Bytes from <see cref="Base"/> to behind the last piece.</summary>
    /// <exception cref="OverflowException">More than 64 bits can count.</exception>
    internal ulong Reach
    {
        get
        {
            var units = Math.Max(Units, 1);
            return checked((((Count / units) - 1) * Stride) + ((units - 1) * UnitStride) + Length);
        }
    }
}
