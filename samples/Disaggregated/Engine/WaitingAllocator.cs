using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A pool's free blocks, with waiting for some. One waiter at a time; anyone may give back.</summary>
internal sealed class WaitingAllocator(int blocks, int seed) : IDisposable
{
    private readonly BlockAllocator _allocator = new(blocks, seed);
    private readonly SemaphoreSlim _returned = new(0);

    internal int Free => _allocator.Free;

    /// <summary>Takes blocks, waiting until so many are free.</summary>
    /// <exception cref="InvalidOperationException">The pool never has so many.</exception>
    internal async Task<int[]> TakeAsync(int count, CancellationToken cancellation)
    {
        if (count > blocks) throw new InvalidOperationException($"{count} blocks are needed; the pool has {blocks}. Start the engine with more.");
        int[] taken;
        while (!_allocator.TryTake(count, out taken)) await _returned.WaitAsync(cancellation);
        return taken;
    }

    /// <summary>Takes blocks if so many are free now.</summary>
    internal bool TryTake(int count, out int[] taken) => _allocator.TryTake(count, out taken);

    internal void Return(int[] taken)
    {
        _allocator.Return(taken);
        _returned.Release();
    }

    public void Dispose() => _returned.Dispose();
}
