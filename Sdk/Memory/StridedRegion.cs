using System.Runtime.InteropServices;

namespace Nixl.Sdk;

/// <summary>
/// One strided run of pieces: piece <c>i</c> is <c>[Base + i·Stride, Base + i·Stride + Length)</c>, 0 ≤ i &lt; Count. Blittable: the
/// memory layout is <c>nixl_strided_region_t</c> of the C ABI (48 bytes), so that arrays of it are passed without a copy.
/// </summary>
/// <param name="Base">Address of piece 0 in the owner's address space.</param>
/// <param name="Stride">Bytes from one piece to the next.</param>
/// <param name="Length">Bytes of one piece.</param>
/// <param name="Count">Number of pieces.</param>
/// <param name="Kind">Kind of memory.</param>
/// <param name="Device">GPU ordinal for <see cref="MemoryKind.Vram"/>, else 0.</param>
[StructLayout(LayoutKind.Explicit, Size = 48)]
public readonly record struct StridedRegion(
    [field: FieldOffset(0)] ulong Base,
    [field: FieldOffset(8)] ulong Stride,
    [field: FieldOffset(16)] ulong Length,
    [field: FieldOffset(24)] ulong Count,
    [field: FieldOffset(40)] MemoryKind Kind = MemoryKind.Dram,
    [field: FieldOffset(32)] ulong Device = 0)
{
    // The C struct's reserved field, which the core checks. A field, because padding is not promised to be zero.
    [FieldOffset(44)]
    private readonly uint _reserved = 0;
}
