using Nixl.Sdk.Metadata;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>
/// The KV cache of one engine rank: blocks laid out by a layout, registered with an agent, advertised in its metadata. This base has
/// what does not depend on the layout's type; make one with <see cref="KvPool{TLayout}"/>.
/// </summary>
/// <remarks>
/// <para>Thread-safe. Which blocks are in use is the engine's business; the pool only knows where they lie.</para>
/// <para>Memory: allocated memory belongs to the pool and is unmapped after <see cref="Dispose"/> once no transfer holds it. Bound
/// memory stays the engine's; it may be freed once <see cref="IsReachable"/> is false.</para>
/// </remarks>
[MustDispose("registered memory that peers can reach")]
public abstract partial class KvPool : IDisposable
{
    private readonly KvPoolMemory _memory;
    private readonly PreparedList?[] _lists;
    private readonly PoolAdvertisement _advertisement;
    private int _disposed;

    private protected KvPool(NixlAgent agent, ModelIdentity model, KvPlan plan, KvPoolOptions options, string name, KvPoolMemory memory)
    {
        Agent = agent;
        Model = model;
        Plan = plan;
        Parallel = options.Parallel;
        Name = name;
        _memory = memory;
        CanonicalText = LayoutText.Canonical(plan.Schema);
        Fingerprint = LayoutFingerprint.Of(plan.Schema, Parallel);
        _lists = new PreparedList?[Groups.Length];
        try
        {
            for (var i = 0; i < Groups.Length; i++)
                if (Groups[i].Regions.Length > 0) _lists[i] = agent.PrepareLocal(Groups[i].Regions, ListMode.Block);
            _advertisement = Advertise();
            if (LayoutTextParser.Parse(CanonicalText, out var problem) is null)
                throw new ArgumentException($"Pool '{name}': no peer could read its layout, so it cannot be advertised: {problem}.", nameof(plan));
            PoolCodec.Write(new MetadataWriter(), _advertisement); // what cannot be advertised is refused here, not at the export
            agent.Advertise(_advertisement);
        }
        catch
        {
            foreach (var list in _lists) list?.Dispose();
            memory.Dispose();
            throw;
        }
    }

    /// <summary>The agent that the pool is registered with.</summary>
    public NixlAgent Agent { get; }

    /// <summary>Name under which the agent advertises it.</summary>
    public string Name { get; }

    /// <summary>The model whose cache it holds.</summary>
    public ModelIdentity Model { get; }

    /// <summary>Where everything lies, for physical blocks and the layout's own page strides.</summary>
    public KvPlan Plan { get; }

    /// <summary>The rank that holds it.</summary>
    public KvParallel Parallel { get; }

    /// <summary>The layout as text, for people.</summary>
    public string CanonicalText { get; }

    /// <summary>Hashes of the layout's content and of this rank's placement.</summary>
    public LayoutFingerprint Fingerprint { get; }

    /// <summary>Blocks of the first group; ids 0 … Blocks-1 are valid.</summary>
    public long Blocks => Groups[0].Blocks;

    /// <summary>Whether peers can still reach any of its memory. Stays true after <see cref="Dispose"/> while a transfer holds it.</summary>
    public bool IsReachable => _memory.IsRegistered;

    internal KvGroupMemory[] Groups => _memory.Groups;

    internal bool IsDisposed => _disposed != 0;

    /// <summary>The local prepared list of a group: id b is block b, all its pieces.</summary>
    /// <exception cref="InvalidOperationException">This rank holds no layer of the group.</exception>
    public PreparedList Local(int group = 0)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return _lists[group] ?? throw new InvalidOperationException(
            $"Pool '{Name}': rank PP {Parallel.PpRank} of {Parallel.Pp} holds no layer of group '{Plan.Schema.Groups[group].Name}'.");
    }

    /// <summary>Stops advertising the pool and gives up its lists and its memory as soon as no transfer holds them. Never blocks.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        Agent.Withdraw(_advertisement);
        foreach (var list in _lists) list?.Dispose();
        _memory.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Name, model, blocks and fingerprint.</summary>
    public override string ToString() => $"{Name}: {Blocks} blocks of {Plan.Schema.Name} for {Model.Name} ({Model.Revision}), {Fingerprint}";

    private protected static KvPlan MakePlan(KvSchema schema, long blocks, KvPoolOptions options, Func<int, int> ratioOf)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(blocks, 1);
        var perGroup = options.BlocksPerGroup;
        if (perGroup is not null && perGroup.Count != schema.Groups.Count)
            throw new ArgumentException($"KvPoolOptions.BlocksPerGroup has {perGroup.Count} numbers and layout '{schema.Name}' {schema.Groups.Count} groups.");
        var physical = new long[schema.Groups.Count];
        for (var i = 0; i < physical.Length; i++) physical[i] = checked((perGroup is null ? blocks : perGroup[i]) * ratioOf(i));
        return KvPlan.Create(schema, options.Parallel, [.. physical]);
    }

    private PoolAdvertisement Advertise() => new()
    {
        Name = Name,
        Model = Model,
        CanonicalText = CanonicalText,
        ContentHash = Fingerprint.Content.ToByteArray(),
        PlacementHash = Fingerprint.Placement.ToByteArray(),
        Tp = Parallel.Tp,
        TpRank = Parallel.TpRank,
        Pp = Parallel.Pp,
        PpRank = Parallel.PpRank,
        Groups = [.. Groups.Select(group => new PoolGroupAdvertisement
        {
            Name = group.Plan.Schema.Name,
            Blocks = group.Blocks,
            PhysicalBlocksPerBlock = group.PhysicalBlocksPerBlock,
            Tensors = group.Tensors,
            ComponentHashes = LayoutFingerprint.OfComponents(group.Plan.Schema),
        })],
    };
}
