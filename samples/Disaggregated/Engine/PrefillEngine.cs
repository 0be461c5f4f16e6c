using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Computes prompts into its own blocks and writes those to the decode engine's, with a notification: one post a request,
/// however many blocks. While one request's blocks travel the next prompt is computed.
/// </summary>
internal sealed class PrefillEngine(EngineContext context, IHostApplicationLifetime lifetime, ILogger<PrefillEngine> logger)
    : EngineService(context, lifetime, logger)
{
    private readonly Channel<PrefillMessage> _requests = Channel.CreateUnbounded<PrefillMessage>();
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
                await _requests.Writer.WriteAsync(prefill, cancellation);
                break;
            default:
                throw new InvalidDataException($"A prefill engine has no use for a {message.GetType().Name}.");
        }
    }

    protected override async Task ComputeAsync(CancellationToken cancellation)
    {
        var handovers = new List<Task>();
        try
        {
            await foreach (var request in _requests.Reader.ReadAllAsync(cancellation))
            {
                handovers.RemoveAll(task => task.IsCompletedSuccessfully);
                if (await PrefillAsync(request, cancellation) is { } handover) handovers.Add(handover);
            }
        }
        finally
        {
            await Task.WhenAll(handovers); // each ends by its deadline
            foreach (var peer in _peers.Values) await peer.DisposeAsync();
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

    /// <summary>Computes a prompt and starts its handover; returns that, or null if the request failed.</summary>
    private async Task<Task?> PrefillAsync(PrefillMessage request, CancellationToken cancellation)
    {
        int[]? blocks = null;
        try
        {
            if (!_peers.TryGetValue(request.Peer, out var peer)) throw new InvalidOperationException($"Not connected to '{request.Peer}'.");
            var prompt = Context.Model.Tokenizer.Encode(request.Prompt);
            blocks = await Blocks.TakeAsync(Cache.BlocksFor(prompt.Length), cancellation);
            if (blocks.Length != request.Blocks.Length)
                throw new InvalidOperationException($"The prompt has {prompt.Length} tokens and needs {blocks.Length} blocks; the decode engine reserved {request.Blocks.Length}.");
            // The last block may be filled only in part; what the rest holds travels too and must not look like a value.
            foreach (var block in blocks) Cache.Poison(block);
            var clock = Stopwatch.StartNew();
            var first = Greedy.Choose(Runner.Prefill(prompt, blocks, cancellation));
            Interlocked.Add(ref _promptTokens, prompt.Length);
            return HandOverAsync(request, peer, blocks, new Handover(request.Request, prompt.Length, first), clock.Elapsed, cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            if (blocks is not null) Blocks.Return(blocks); // nothing was posted
            Logger.LogError(e, "Prefill of {Request} failed", request.Request);
            await TrySendAsync(new FailedMessage(request.Request, e.Message));
            return null;
        }
    }

    /// <summary>One WRITE with a notification. The local blocks are free again when the transport can no longer read them.</summary>
    private async Task HandOverAsync(
        PrefillMessage request, RemoteKvPool<KjvBytesKv> peer, int[] blocks, Handover handover, TimeSpan compute, CancellationToken cancellation)
    {
        await Task.Yield(); // the next prompt need not wait for the post
        EngineMessage outcome;
        using var transfer = Context.Agent.CreateTransfer(TransferOperation.Write, Context.Pool.Local(), peer.List());
        try
        {
            var result = await transfer.PostAsync(blocks, request.Blocks, handover.ToBytes(), Context.Options.Timeout, cancellation);
            outcome = new HandedOverMessage(
                request.Request, blocks, result.Bytes, result.Operations, result.Queued.TotalMilliseconds, result.DataTime.TotalMilliseconds,
                result.Total.TotalMilliseconds, result.Transport.ToString(), compute.TotalMilliseconds);
        }
        catch (Exception e) when (e is NixlException or InvalidOperationException or OperationCanceledException)
        {
            // The SDK's errors say all there is to say; a stack adds nothing. An engine that ends has no failures to report.
            if (!cancellation.IsCancellationRequested) Logger.LogError("Handover of {Request} failed: {Message}", request.Request, e.Message);
            outcome = new FailedMessage(request.Request, e.Message);
        }
        // After a failure the outcome comes first; the transport may still be reading.
        await transfer.Quiesced;
        Blocks.Return(blocks);
        await TrySendAsync(outcome);
    }
}
