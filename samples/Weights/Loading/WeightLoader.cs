using System.Diagnostics;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>Loads one rank's shard from an engine that has the model, straight into the memory that the rank will compute with.</summary>
/// <param name="agent">The rank's agent; nobody else reads its notifications meanwhile.</param>
/// <param name="options">Deadlines and parallelism.</param>
internal sealed class WeightLoader(NixlAgent agent, WeightLoaderOptions options)
{
    private const int MaxIndexBytes = 64 << 20;

    /// <summary>Loads a shard.</summary>
    /// <param name="metadata">The serving agent's metadata.</param>
    /// <param name="config">The model that is wanted.</param>
    /// <param name="rank">The rank.</param>
    /// <param name="ranks">The degree of tensor parallelism.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The shard, the caller's, every byte of it verified; and what it took.</returns>
    /// <exception cref="WeightsException">The peer does not answer, has other weights, or they are damaged.</exception>
    /// <exception cref="NixlException">A transfer failed; the message says which peer and which range.</exception>
    internal async Task<(LlamaModel Model, LoadStatistics Statistics)> LoadAsync(
        ReadOnlyMemory<byte> metadata, LlamaConfig config, int rank, int ranks, CancellationToken cancellation = default)
    {
        var clock = Stopwatch.StartNew();
        var peer = await agent.ConnectAsync(metadata, new ConnectOptions { Timeout = options.Timeout }, cancellation);
        var index = await ReadIndexAsync(peer, cancellation);
        var asked = clock.Elapsed;
        var shard = LlamaModel.Allocate(config, rank, ranks);
        try
        {
            var plan = ShardPlan.Create(shard, index);
            var (operations, read) = await ReadAsync(peer, plan, shard, cancellation);
            await TryTellAsync(peer, new WeightsDone(plan.Bytes, null));
            return (shard, new LoadStatistics(
                plan.Bytes, plan.Tensors.Count, plan.Tensors.Sum(tensor => tensor.Pieces), operations, asked, read, clock.Elapsed, peer.Transport.ToString(), peer.Provider, peer.ProcessId));
        }
        catch (Exception e)
        {
            shard.Dispose(); // ReadAsync has ended: nothing writes into it any more
            await TryTellAsync(peer, new WeightsDone(0, e.Message));
            throw;
        }
    }

    /// <summary>Asks for the index, and reads it like everything else: it may be larger than a notification.</summary>
    private async Task<WeightIndex> ReadIndexAsync(RemoteAgent peer, CancellationToken cancellation)
    {
        await agent.NotifyAsync(peer, new WeightsRequest(agent.ExportMetadata()).ToBytes(), options.Timeout, cancellation);
        var offer = await AwaitOfferAsync(peer, cancellation);
        if (offer.Length is < 1 or > MaxIndexBytes) throw new WeightsException($"'{peer.Name}' offers an index of {offer.Length} bytes; at most {MaxIndexBytes} are read.");
        using var arena = agent.CreateArena(offer.Length, HugePages.Never);
        using var here = agent.PrepareLocal([new MemoryDescriptor((ulong)arena.Address, (ulong)offer.Length)]);
        using var there = agent.PrepareRemote(peer, [new MemoryDescriptor(offer.Address, (ulong)offer.Length)]);
        using var transfer = agent.CreateTransfer(TransferOperation.Read, here, there);
        try
        {
            await transfer.PostAsync([0], [0], new PostOptions { Timeout = options.Timeout }, cancellation);
        }
        finally
        {
            await transfer.Quiesced;
        }
        var bytes = arena.Slice(0, offer.Length);
        return WeightChecksum.Of(bytes) == offer.Checksum
            ? WeightIndex.Parse(bytes)
            : throw new WeightsException($"The index of weights from '{peer.Name}' is damaged: its checksum is not the one that was announced.");
    }

    private async Task<WeightsOffer> AwaitOfferAsync(RemoteAgent peer, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(options.Timeout);
        try
        {
            await foreach (var notification in agent.ReadNotificationsAsync(deadline.Token))
            {
                if (notification.Sender != peer.Name) continue;
                switch (WeightsMessage.TryParse(notification.Payload.Span))
                {
                    case WeightsOffer { Checksum: not null } offer:
                        return offer;
                    case WeightsRefusal refusal:
                        throw new WeightsException($"'{peer.Name}' serves no weights: {refusal.Reason}.");
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The deadline: said below.
        }
        throw new WeightsException($"'{peer.Name}' did not say within {options.Timeout.TotalSeconds} s where its weights are. Does it serve any?");
    }

    /// <summary>Reads all tensors, several at once, and verifies each while others are on their way. When it ends nothing writes any more.</summary>
    private async Task<(long Operations, TimeSpan Elapsed)> ReadAsync(RemoteAgent peer, ShardPlan plan, LlamaModel shard, CancellationToken cancellation)
    {
        List<MemoryRegion> regions = [];
        var clock = Stopwatch.StartNew();
        try
        {
            foreach (var tensor in shard.Tensors) regions.Add(agent.Register(tensor.Address, tensor.Span));
            using var here = agent.PrepareLocal(plan.Here, ListMode.Flat);
            using var there = agent.PrepareRemote(peer, plan.There, ListMode.Flat);
            long operations = 0;
            await Parallel.ForEachAsync(
                plan.Tensors, new ParallelOptions { MaxDegreeOfParallelism = options.Parallel, CancellationToken = cancellation }, async (read, stop) =>
                {
                    using var transfer = agent.CreateTransfer(TransferOperation.Read, here, there);
                    try
                    {
                        var ids = Enumerable.Range(read.First, read.Pieces).ToArray();
                        var result = await transfer.PostAsync(ids, ids, new PostOptions { Timeout = options.Timeout }, stop);
                        if (result.Bytes != read.Bytes)
                            throw new WeightsException($"Tensor {read.Tensor.Name}: {result.Bytes} bytes came and {read.Bytes} were due.");
                        Interlocked.Add(ref operations, result.Operations);
                    }
                    finally
                    {
                        await transfer.Quiesced;
                    }
                    read.Verify(shard.Config, shard.Rank, shard.Ranks, peer.Name);
                    options.OnTensor?.Invoke(read.Tensor);
                });
            return (operations, clock.Elapsed);
        }
        finally
        {
            // From here on the weights are nobody's but the engine's.
            foreach (var region in regions) region.Deregister(options.Timeout);
        }
    }

    /// <summary>The peer need not know, and may be gone.</summary>
    private async Task TryTellAsync(RemoteAgent peer, WeightsDone done)
    {
        try
        {
            await agent.NotifyAsync(peer, done.ToBytes(), TimeSpan.FromSeconds(2));
        }
        catch (NixlException)
        {
        }
    }
}

/// <summary>How a <see cref="WeightLoader"/> works.</summary>
/// <param name="Timeout">Deadline of every single wait and transfer.</param>
/// <param name="Parallel">Tensors that are read at once.</param>
/// <param name="OnTensor">Called for each tensor that has come and is verified; from any thread.</param>
internal sealed record WeightLoaderOptions(TimeSpan Timeout, int Parallel = 8, Action<WeightTensor>? OnTensor = null);

/// <summary>What a load took.</summary>
/// <param name="Bytes">Bytes of weights.</param>
/// <param name="Tensors">Tensors.</param>
/// <param name="Pieces">Contiguous pieces.</param>
/// <param name="Operations">Operations of the transport.</param>
/// <param name="Asking">From the beginning until the index was there.</param>
/// <param name="Reading">Registering, reading and verifying.</param>
/// <param name="Total">From the beginning until the shard was ready.</param>
/// <param name="Transport">The transport that carried it.</param>
/// <param name="Provider">What carried it within the transport.</param>
/// <param name="PeerProcessId">The peer's process; 0 on another machine.</param>
internal sealed record LoadStatistics(
    long Bytes, int Tensors, int Pieces, long Operations, TimeSpan Asking, TimeSpan Reading, TimeSpan Total, string Transport, string Provider, long PeerProcessId);
