using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// The way of a prompt that a prefill engine computes: chooses whether and where, asks on every rank, and tries the next engine when one fails.
/// </summary>
/// <param name="engine">The decode engine.</param>
/// <param name="request">What is to be answered.</param>
internal sealed class RemotePrompt(ServingEngine engine, DecodeRequest request)
{
    private readonly BlockHash[] _prefix = engine.HashesOf(request.Prompt);

    /// <summary>Gets the prompt's cache.</summary>
    /// <returns>Of each rank what has come, complete, and the answer's first token. Or null, if the prompt is to be computed here.</returns>
    internal async Task<RemoteCache?> TryGetAsync(CancellationToken cancellation)
    {
        var (peers, kind, why) = PrefillChoice.Choose(engine, request, _prefix);
        engine.Counters.Prefill(kind);
        var place = peers.Count == 0 ? engine.Options.Name : peers[0].Name;
        request.Emit(new PrefillEvent(Clock.Now, place, why));
        for (var i = 0; i < peers.Count; i++)
        {
            peers[i].Asked(request.Spec.Prompt.Count);
            try
            {
                return await GetAsync(peers[i], peers.Count - i, cancellation);
            }
            catch (Exception e) when (IsTheirs(e) && !cancellation.IsCancellationRequested)
            {
                peers[i].Failed();
                EngineCounters.Add(ref engine.Counters.Failovers);
                var next = i + 1 < peers.Count ? peers[i + 1].Name : engine.Options.Name;
                request.Emit(new FailoverEvent(Clock.Now, peers[i].Name, next, e.Message));
            }
            finally
            {
                peers[i].Asked(-request.Spec.Prompt.Count);
            }
        }
        return null;
    }

    /// <summary>What another engine may do better. Not blocks that are missing here, nor our own end.</summary>
    private static bool IsTheirs(Exception e) => e is not BlocksExhaustedException && e is NixlException or InvalidDataException or ObjectDisposedException or LeaseExpiredException;

    private async Task<RemoteCache> GetAsync(PeerEngine peer, int candidates, CancellationToken cancellation)
    {
        var sources = peer.Sources ?? throw new KvHandoverException(KvOutcome.PeerLost, $"Engine '{peer.Name}' is not connected.");
        var name = engine.NextHandover();
        var payload = new PromptMessage(engine.Options.Name, sources.Sum(source => source.Ranks.Count), request.Prompt) { Ahead = request.Request.Ahead }.ToBytes();
        var (blocks, promptBlocks) = (engine.BlocksFor(request.Spec.MaxPositions), engine.BlocksFor(request.Spec.Prompt.Count));
        var receives = new List<KvReceive>();
        try
        {
            await engine.Loop.WaitForTurnAsync(request.Spec.Order, cancellation);
            for (var rank = 0; rank < sources.Length; rank++)
                receives.Add(await engine.Ranks[rank].Consumer!.RequestAsync(
                    sources[rank], new KvRequest(name, new KvRequestBlocks(blocks, promptBlocks) { Prefix = _prefix }) { Timeout = request.Left, Payload = payload }, cancellation));
            request.Emit(new ReservedEvent(Clock.Now, blocks, receives.Min(receive => receive.Leases[0].CachedBlocks) * engine.BlockTokens));
            // Blocks may be waited for as long as the request lives; the engine that was asked then has a time of its own.
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(Patience(candidates));
            await FollowLayersAsync(receives, patience.Token);
            return Arrived(peer, receives, await CompleteAsync(receives, patience.Token), promptBlocks);
        }
        catch (Exception e)
        {
            foreach (var receive in receives) receive.Dispose(); // the blocks are free when the peer has confirmed
            if (e is OperationCanceledException && !cancellation.IsCancellationRequested)
                throw new KvHandoverException(KvOutcome.TimedOut, $"Engine '{peer.Name}' has not given the prompt's cache in time.", e);
            throw;
        }
    }

    /// <summary>Something stays for those after it, and for ourselves.</summary>
    private TimeSpan Patience(int candidates)
    {
        var share = request.Left / (candidates + 1);
        return share < engine.Options.Timeout ? share : engine.Options.Timeout;
    }

    private async Task FollowLayersAsync(List<KvReceive> receives, CancellationToken cancellation)
    {
        for (var layer = 0; layer < engine.Model.Config.Layers; layer++)
        {
            foreach (var receive in receives) await receive.WaitForLayerAsync(layer, cancellation);
            request.Emit(new LayerEvent(Clock.Now, layer));
        }
    }

    private async Task<PromptComputed> CompleteAsync(List<KvReceive> receives, CancellationToken cancellation)
    {
        PromptComputed? told = null;
        foreach (var receive in receives)
        {
            var received = await receive.WaitAsync(cancellation);
            told ??= PromptComputed.Parse(received.Payloads[0].Span);
        }
        var vocabulary = engine.Model.Config.VocabularySize;
        return told!.FirstToken < vocabulary ? told : throw new InvalidDataException($"The first token is {told.FirstToken}; the vocabulary has {vocabulary}.");
    }

    private RemoteCache Arrived(PeerEngine peer, List<KvReceive> receives, PromptComputed told, int promptBlocks)
    {
        var (bytes, largest) = (0L, 0L); // an arrival is complete only if exactly so many bytes were counted
        for (var rank = 0; rank < receives.Count; rank++)
        {
            var moved = (promptBlocks - receives[rank].Leases[0].CachedBlocks) * engine.Ranks[rank].Pool.BytesPerBlock();
            (bytes, largest) = (bytes + moved, Math.Max(largest, moved));
        }
        request.Emit(new ArrivedEvent(Clock.Now, bytes, told.QueuedMs, told.PrefillMs, told.TransferMs, told.ExposedMs) { PrefillAskedAt = told.AskedAt, MovingMs = told.MovingMs });
        return new RemoteCache(peer, receives, told, bytes, largest);
    }
}
