using System.Diagnostics.CodeAnalysis;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk;

/// <summary>The KV cache of one engine rank, laid out by the layout type <typeparamref name="TLayout"/>.</summary>
/// <typeparam name="TLayout">A type with <see cref="KvLayoutAttribute"/>.</typeparam>
/// <remarks>Thread-safe; see <see cref="KvPool"/> for who owns the memory.</remarks>
[SuppressMessage("Design", "CA1000", Justification = "The layout type cannot be inferred from any argument: KvPool<Llama>.Allocate(…) is how it is named.")]
public sealed class KvPool<TLayout> : KvPool
    where TLayout : IKvLayout<TLayout>
{
    private KvPool(NixlAgent agent, ModelIdentity model, Planning.KvPlan plan, KvPoolOptions options, string name, KvPoolMemory memory)
        : base(agent, model, plan, options, name, memory)
    {
    }

    /// <summary>Allocates a pool: zero-filled, page-aligned memory that same-machine peers can map, registered with the agent.</summary>
    /// <param name="agent">The agent.</param>
    /// <param name="blocks">Blocks, at least 1; 64-bit.</param>
    /// <param name="model">The model. Compared in the handshake: two fine-tunes of one model are two models.</param>
    /// <param name="options">Name, rank, huge pages.</param>
    /// <exception cref="ArgumentException">The name is taken, or the numbers do not fit the layout.</exception>
    /// <exception cref="Planning.LayoutException">The layout cannot be planned for this rank.</exception>
    public static KvPool<TLayout> Allocate(NixlAgent agent, long blocks, ModelIdentity model, KvPoolOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(agent);
        options = Check(model, options, out var name);
        var plan = MakePlan(TLayout.Schema, blocks, options, static _ => 1);
        return new KvPool<TLayout>(agent, model, plan, options, name, KvPoolMemory.Allocate(agent, plan, options));
    }

    /// <summary>Makes a pool over memory that an engine owns. Tensors that are not registered yet are registered.</summary>
    /// <param name="agent">The agent.</param>
    /// <param name="binding">Where the tensors lie.</param>
    /// <param name="blocks">Blocks, at least 1; 64-bit.</param>
    /// <param name="model">The model. Compared in the handshake: two fine-tunes of one model are two models.</param>
    /// <param name="options">Name and rank.</param>
    /// <exception cref="ArgumentException">A tensor is missing, too small, misaligned or overlaps another; the message names it.</exception>
    /// <exception cref="Planning.LayoutException">The layout cannot be planned for this rank.</exception>
    public static KvPool<TLayout> Bind(NixlAgent agent, KvPoolBinding binding, long blocks, ModelIdentity model, KvPoolOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(agent);
        ArgumentNullException.ThrowIfNull(binding);
        options = Check(model, options, out var name);
        var schema = TLayout.Schema;
        if (binding.Groups.Count != schema.Groups.Count)
            throw new ArgumentException($"Layout '{schema.Name}' has {schema.Groups.Count} groups and the binding {binding.Groups.Count}.", nameof(binding));
        foreach (var group in binding.Groups)
            ArgumentOutOfRangeException.ThrowIfLessThan(group.PhysicalBlocksPerBlock, 1, nameof(binding));
        var plan = MakePlan(schema, blocks, options, i => binding.Groups[i].PhysicalBlocksPerBlock);
        return new KvPool<TLayout>(agent, model, plan, options, name, KvPoolMemory.Bind(agent, plan, binding));
    }

    /// <summary>
    /// Compares this pool with a peer's and, if they agree, prepares the peer's blocks. Do it once per peer and keep the result.
    /// </summary>
    /// <param name="remote">The peer; its metadata must have been exported after its pool was made.</param>
    /// <param name="pool">Name of the peer's pool; null for this pool's own name.</param>
    /// <remarks>
    /// Another placement on the other side (order, block size, padding, tensor or pipeline parallelism) is planned: connect every rank of
    /// one side with every rank of the other, and each pair moves its part; <see cref="RemoteKvPool.Route"/> says which.
    /// </remarks>
    /// <exception cref="LayoutMismatchException">The content differs; the message shows both texts with the fields marked.</exception>
    /// <exception cref="NotSupportedException">The placements cannot be mapped onto each other; the message says why.</exception>
    /// <exception cref="MetadataException">The peer's advertisement contradicts itself, or its memory does not hold its blocks.</exception>
    /// <exception cref="NixlNotFoundException">The peer advertises no such pool.</exception>
    public RemoteKvPool<TLayout> Connect(RemoteAgent remote, string? pool = null)
    {
        ArgumentNullException.ThrowIfNull(remote);
        pool ??= Name;
        var advertised = remote.Metadata.FindPool(pool) ?? throw new NixlNotFoundException(NixlStatus.NotFound,
            $"Agent '{remote.Name}' advertises no pool '{pool}' ({Offered(remote)}). Make its pool first and export its metadata after that.") { Peer = remote.Name };
        var agreement = KvHandshake.Agree(this, remote.Name, advertised);
        if (agreement.Write is not null) Agent.Runtime.Log.Resharded(this, remote, advertised.Name, agreement.Write);
        return new RemoteKvPool<TLayout>(this, remote, advertised.Name, agreement);
    }

    private static string Offered(RemoteAgent remote) =>
        remote.Metadata.Pools.Count == 0 ? "it advertises none" : "it advertises " + string.Join(", ", remote.Metadata.Pools.Select(pool => $"'{pool.Name}'"));

    private static KvPoolOptions Check(ModelIdentity model, KvPoolOptions? options, out string name)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (string.IsNullOrWhiteSpace(model.Name) || string.IsNullOrWhiteSpace(model.Revision) || string.IsNullOrWhiteSpace(model.RopeScaling))
            throw new ArgumentException("A model identity needs a name, a revision (or a hash of the weights) and a rope scaling: without them two models could be mixed up.", nameof(model));
        options ??= new KvPoolOptions();
        name = options.Name ?? typeof(TLayout).Name;
        return MetadataFormat.IsName(name)
            ? options
            : throw new ArgumentException($"'{name}' is not a pool name ([A-Za-z0-9._-], 1 to 128 characters); set KvPoolOptions.Name.", nameof(options));
    }
}
