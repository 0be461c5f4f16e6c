using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Brings a new pool into the state of one that has run for a while: neighbours in a sequence are not neighbours in memory.</summary>
internal static class BlockOrder
{
    /// <summary>Hands every block out once and takes them back in random order.</summary>
    /// <param name="pool">A pool all of whose blocks are free.</param>
    /// <param name="seed">Decides the order.</param>
    internal static void Shuffle(BlockPool pool, int seed)
    {
        var leases = new BlockLease[pool.Blocks];
        for (var i = 0; i < leases.Length; i++) leases[i] = pool.TryReserve(1)!;
        new Random(seed).Shuffle(leases);
        foreach (var lease in leases) lease.Dispose();
    }
}
