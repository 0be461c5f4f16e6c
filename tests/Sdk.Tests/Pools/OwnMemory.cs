using System.Runtime.InteropServices;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>Memory of "the engine": not the SDK's, not registered.</summary>
internal sealed unsafe class OwnMemory : IDisposable
{
    private readonly void* _memory;

    public OwnMemory(long length)
    {
        Length = length;
        _memory = NativeMemory.AlignedAlloc((nuint)length, 4096);
    }

    public nint Address => (nint)_memory;

    public long Length { get; }

    public KvPoolBinding Split(int tensors, long length, long stride = 0) =>
        KvPoolBinding.Single([.. Enumerable.Range(0, tensors).Select(i => new KvTensorBinding(Address + (nint)(i * length), length, stride))]);

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
