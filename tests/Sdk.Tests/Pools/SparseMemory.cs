using System.Runtime.InteropServices;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>Address space of which only the touched pages take memory.</summary>
internal sealed partial class SparseMemory : IDisposable
{
    private const int ReadWrite = 3, PrivateAnonymousNoReserve = 0x4022;

    public SparseMemory(long length)
    {
        Length = length;
        Address = mmap(0, (nuint)length, ReadWrite, PrivateAnonymousNoReserve, -1, 0);
        Assert.NotEqual(-1, Address);
    }

    public nint Address { get; }

    public long Length { get; }

    public void Dispose() => _ = munmap(Address, (nuint)Length);

    [LibraryImport("libc")]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc")]
    private static partial int munmap(nint address, nuint length);
}
