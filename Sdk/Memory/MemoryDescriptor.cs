using System.Runtime.InteropServices;

namespace Nixl.Sdk;

/// <summary>One contiguous range of memory. Blittable; 32 bytes.</summary>
/// <param name="Address">Address of the first byte in the owner's address space.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Kind">Kind of memory.</param>
/// <param name="Device">GPU ordinal for <see cref="MemoryKind.Vram"/>, else 0.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct MemoryDescriptor(ulong Address, ulong Length, MemoryKind Kind = MemoryKind.Dram, ulong Device = 0);
