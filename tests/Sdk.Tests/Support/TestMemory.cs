using System.Runtime.InteropServices;

namespace Nixl.Sdk.Tests.Support;

/// <summary>Memory of one side: an arena, or the caller's own, filled with poison.</summary>
internal sealed unsafe class TestMemory : IDisposable
{
    public const byte Poison = 0xA5;

    private readonly MemoryArena? _arena;
    private readonly void* _own;

    public TestMemory(NixlAgent agent, long length, bool arena)
    {
        Length = length;
        if (arena)
        {
            _arena = agent.CreateArena(length);
            Region = _arena.Region;
        }
        else
        {
            _own = NativeMemory.AlignedAlloc((nuint)length, 64);
            Region = agent.Register((nint)_own, length);
        }

        Fill(Poison);
    }

    public MemoryRegion Region { get; }

    public long Length { get; }

    public ulong Address => (ulong)Region.Address;

    public Span<byte> Span => new((void*)Region.Address, checked((int)Length));

    public void Fill(byte value) => Span.Fill(value);

    public byte[] Copy() => Span.ToArray();

    /// <summary>Not before the agents are disposed, unless nothing is in flight.</summary>
    public void Dispose()
    {
        Region.Dispose();
        _arena?.Dispose();
        if (_own != null)
            NativeMemory.AlignedFree(_own);
    }
}
