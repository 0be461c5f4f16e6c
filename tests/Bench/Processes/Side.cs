using System.Runtime.InteropServices;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>One side of a benchmark: an agent with one piece of memory, of an arena or of its own, every page there.</summary>
internal sealed class Side : IAsyncDisposable
{
    private readonly MemoryArena? _arena;
    private readonly MemoryRegion? _region;

    private unsafe Side(NixlAgent agent, long bytes, MemoryOrigin origin)
    {
        Agent = agent;
        Bytes = bytes;
        if (origin != MemoryOrigin.Own)
        {
            _arena = agent.CreateArena(bytes, origin == MemoryOrigin.SmallPageArena ? HugePages.Never : HugePages.Try);
            (Address, PageSize) = (_arena.Address, _arena.PageSize);
            return;
        }

        Address = (nint)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        NativeMemory.Fill((void*)Address, (nuint)bytes, 1);
        PageSize = Environment.SystemPageSize;
        _region = agent.Register(Address, bytes);
    }

    public NixlAgent Agent { get; }

    public nint Address { get; }

    public long Bytes { get; }

    public long PageSize { get; }

    public unsafe Span<byte> Memory => new((void*)Address, checked((int)Bytes));

    /// <summary>With default settings, but for the number of threads that copy for peers of this machine (0: default).</summary>
    public static async Task<Side> CreateAsync(string name, NixlTransports transport, long bytes, MemoryOrigin origin, int copiers = 0)
    {
        var agent = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = name, Transports = transport, CopierThreads = copiers });
        return new Side(agent, bytes, origin);
    }

    public async ValueTask DisposeAsync()
    {
        _region?.Dispose();
        _arena?.Dispose();
        await Agent.DisposeAsync();
        unsafe
        {
            if (_arena is null)
                NativeMemory.AlignedFree((void*)Address);
        }
    }
}
