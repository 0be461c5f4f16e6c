using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Computes prompts into its own blocks and writes those to the decode engine's, with a notification: one post a request,
/// however many blocks. While one request's blocks travel other prompts are computed, several in a step.
/// </summary>
internal sealed class PrefillEngine(EngineContext context, IHostApplicationLifetime lifetime, ILogger<PrefillEngine> logger)
    : EngineService(context, lifetime, logger)
{
    /// <summary>The event that says that blocks were given back.</summary>
    private static readonly object BlocksReturned = new();

    private readonly Dictionary<Sequence, PrefillRequest> _requests = [];
    private readonly List<Task> _handovers = [];
    private readonly ConcurrentDictionary<string, RemoteKvPool<KjvBytesKv>> _peers = new(StringComparer.Ordinal);
    private long _promptTokens;

    protected override long PromptTokensComputed => Interlocked.Read(ref _promptTokens);

    protected override async ValueTask HandleAsync(EngineMessage message, CancellationToken cancellation)
    {
        switch (message)
        {
            case ConnectMessage connect:
                await ConnectAsync(connect, cancellation);
                break;
            case PrefillMessage prefill:
                await Events.Writer.WriteAsync(prefill, cancellation);
                break;
            default:
                throw new InvalidDataException($"A prefill engine has no use for a {message.GetType().Name}.");
        }
    }

    protected override async Task ComputeAsync(CancellationToken cancellation)
    {
        try
        {
            await RunStepsAsync(cancellation);
        }
        finally
        {
            await Task.WhenAll(_handovers); // each ends by its deadline
            foreach (var peer in _peers.Values) await peer.DisposeAsync();
        }
    }

    protected override async ValueTask OnEventAsync(object happened, CancellationToken cancellation)
    {
        // The other event is BlocksReturned: the next step may admit those who waited for some.
        if (happened is PrefillMessage request) await SubmitAsync(request);
    }

    /// <summary>Starts the handover of every prompt that is complete: its first token is there.</summary>
    protected override async ValueTask OnStepAsync(StepResult result, long started, CancellationToken cancellation)
    {
        _handovers.RemoveAll(task => task.IsCompletedSuccessfully);
        foreach (var sequence in result.Admitted) _requests[sequence].Started = started;
        foreach (var (sequence, token) in result.Outputs)
        {
            _requests.Remove(sequence, out var request);
            Interlocked.Add(ref _promptTokens, sequence.Spec.Prompt.Count);
            _handovers.Add(HandOverAsync(request!, sequence, token, Stopwatch.GetElapsedTime(request!.Started), cancellation));
        }
        foreach (var sequence in result.Failed)
        {
            _requests.Remove(sequence);
            await TrySendAsync(new FailedMessage(sequence.Spec.Id, NotNumbers));
        }
    }

    /// <summary>Once per decode engine: metadata, connection, comparison of layouts, prepared lists.</summary>
    private async Task ConnectAsync(ConnectMessage connect, CancellationToken cancellation)
    {
        var metadata = await Context.Exchange.FetchAsync(connect.Peer, connect.Host, connect.Port, Context.Options.Timeout, cancellation);
        var remote = await Context.Agent.ConnectAsync(metadata, new ConnectOptions { Timeout = Context.Options.Timeout }, cancellation);
        _peers[connect.Peer] = Context.Pool.Connect(remote);
        await Context.Channel.SendAsync(
            new ConnectedMessage(remote.Name, remote.Transport.ToString(), remote.TransportVersion, remote.Provider, remote.Reason), cancellation);
    }

    private async Task SubmitAsync(PrefillMessage request)
    {
        try
        {
            if (!_peers.TryGetValue(request.Peer, out var peer)) throw new InvalidOperationException($"Not connected to '{request.Peer}'.");
            var prompt = Context.Model.Tokenizer.Encode(request.Prompt);
            if (Cache.BlocksFor(prompt.Length) != request.Blocks.Length)
                throw new InvalidOperationException($"The prompt has {prompt.Length} tokens and needs {Cache.BlocksFor(prompt.Length)} blocks; the decode engine reserved {request.Blocks.Length}.");
            var sequence = Core.Add(new SequenceSpec(request.Request, prompt, MaxNewTokens: 1) { KeepBlocks = true });
            _requests.Add(sequence, new PrefillRequest(request, peer));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            Logger.LogError(e, "Prefill of {Request} failed", request.Request);
            await TrySendAsync(new FailedMessage(request.Request, e.Message));
        }
    }

    /// <summary>One WRITE with a notification. The local blocks are free again when the transport can no longer read them.</summary>
    private async Task HandOverAsync(PrefillRequest request, Sequence sequence, int firstToken, TimeSpan compute, CancellationToken cancellation)
    {
        await Task.Yield(); // the next step need not wait for the post
        EngineMessage outcome;
        var (message, blocks) = (request.Message, sequence.BlockTables[0].ToArray());
        using var transfer = Context.Agent.CreateTransfer(TransferOperation.Write, Context.Pool.Local(), request.Peer.List());
        try
        {
            var payload = new Handover(message.Request, sequence.Spec.Prompt.Count, firstToken).ToBytes();
            var result = await transfer.PostAsync(blocks, message.Blocks, payload, Context.Options.Timeout, cancellation);
            outcome = new HandedOverMessage(
                message.Request, blocks, result.Bytes, result.Operations, result.Queued.TotalMilliseconds, result.DataTime.TotalMilliseconds,
                result.Total.TotalMilliseconds, result.Transport.ToString(), compute.TotalMilliseconds);
        }
        catch (Exception e) when (e is NixlException or InvalidOperationException or OperationCanceledException)
        {
            // The SDK's errors say all there is to say; a stack adds nothing. An engine that ends has no failures to report.
            if (!cancellation.IsCancellationRequested) Logger.LogError("Handover of {Request} failed: {Message}", message.Request, e.Message);
            outcome = new FailedMessage(message.Request, e.Message);
        }
        // After a failure the outcome comes first; the transport may still be reading.
        await transfer.Quiesced;
        sequence.Release();
        Events.Writer.TryWrite(BlocksReturned);
        await TrySendAsync(outcome);
    }
}
