using System.Collections;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Serving;

/// <summary>
/// The block pools of all groups of one pool, in the layout's order: what a <see cref="KvConsumer{TLayout}"/> takes, and what a producer reserves
/// from. Groups that lie in the same pages (<see cref="KvShare.Overlay"/>) have the same one.
/// </summary>
/// <typeparam name="TLayout">A type with <see cref="KvLayoutAttribute"/>.</typeparam>
/// <remarks>Immutable, thread-safe. Owns the block pools.</remarks>
[MustDispose("block pools")]
public sealed class KvBlockPools<TLayout> : IReadOnlyList<BlockPool>, IDisposable
    where TLayout : IKvLayout<TLayout>
{
    private readonly BlockPool[] _pools;

    /// <summary>Block pools for all blocks of a pool, all free.</summary>
    /// <param name="pool">The pool.</param>
    /// <param name="options">Lifetimes and clock; owner and names are taken from the pool: <c>agent/pool</c>, or <c>agent/pool/group</c> if it has
    /// several groups.</param>
    /// <exception cref="ArgumentException">The options contradict each other, or a group has more blocks than ids.</exception>
    public KvBlockPools(KvPool<TLayout> pool, BlockPoolOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(pool);
        options ??= new BlockPoolOptions();
        options.Check();
        var groups = pool.Plan.Schema.Groups;
        _pools = new BlockPool[groups.Count];
        for (var group = 0; group < _pools.Length; group++)
        {
            var same = Enumerable.Range(0, group).FirstOrDefault(other => SharedPages.ShareTensors(groups[group], groups[other]) && groups[group].Share == KvShare.Overlay, -1);
            _pools[group] = same >= 0 ? _pools[same] : Make(pool, group, options);
        }
    }

    /// <summary>The block pool of a group.</summary>
    /// <param name="index">The group's index in the layout.</param>
    public BlockPool this[int index] => _pools[index];

    /// <summary>Groups of the layout.</summary>
    public int Count => _pools.Length;

    /// <summary>All of them, one for each group.</summary>
    public IEnumerator<BlockPool> GetEnumerator() => _pools.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Disposes them; leases live on.</summary>
    public void Dispose()
    {
        foreach (var pool in _pools) pool.Dispose();
    }

    private static BlockPool Make(KvPool<TLayout> pool, int group, BlockPoolOptions options)
    {
        if (pool.BlocksOf(group) > int.MaxValue) throw new ArgumentException($"Group {group} of pool '{pool.Name}' has {pool.BlocksOf(group)} blocks; ids of leases end at {int.MaxValue}.", nameof(pool));
        return new BlockPool((int)pool.BlocksOf(group), new BlockPoolOptions
        {
            Name = pool.Plan.Schema.Groups.Count == 1 ? $"{pool.Agent.Name}/{pool.Name}" : $"{pool.Agent.Name}/{pool.Name}/{pool.Plan.Schema.Groups[group].Name}",
            Owner = new PeerIdentity(pool.Agent.Name, pool.Agent.Incarnation),
            LeaseLifetime = options.LeaseLifetime,
            LeaseExtension = options.LeaseExtension,
            HeartbeatInterval = options.HeartbeatInterval,
            TimeProvider = options.TimeProvider,
        });
    }
}
