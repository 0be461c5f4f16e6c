using System.Diagnostics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// A prompt that a decode engine wants: computed once, and written to each of its ranks while it is computed. Has all pushes of it and ends
/// them, whatever happens.
/// </summary>
internal sealed class PrefillWork(
    string name, long order, PromptMessage message, IReadOnlyList<(int Rank, KvPush Push)> pushes, ServingEngineOptions options, EngineLoop loop, EngineCounters counters)
    : ISequenceOwner
{
    // What waits for it goes on at once, on the loop's thread: if all is written, the end is told by a message that nothing waits for.
    private readonly TaskCompletionSource<int> _firstToken = new();
    private readonly PrefillWriter _writer = new(
        pushes.ToLookup(pair => pair.Rank, pair => pair.Push), options.TensorParallel, KjvBytesKv.Schema.Groups[0].Layers, message.Prompt.Length,
        KjvBytesKv.Schema.Groups[0].BlockTokens, counters);

    private readonly double _askedAt = Clock.Now;
    private readonly long _asked = Stopwatch.GetTimestamp();
    private long _started;
    private int _cached;
    private Sequence? _sequence; // the loop's

    /// <summary>Computes and writes it.</summary>
    /// <param name="ending">The engine ends.</param>
    /// <returns>The bytes that went over, or null and the reason.</returns>
    internal async Task<(bool Done, string Reason)> RunAsync(CancellationToken ending)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource([ending, .. pushes.Select(pair => pair.Push.Stopped)]);
        try
        {
            var spec = new SequenceSpec(name, message.Prompt, MaxNewTokens: 1) { Order = order, Pinned = true, KeepBlocks = true, Stored = Stored };
            loop.Post(() => Add(spec));
            var writing = _writer.RunAsync(stop.Token);
            var computing = _firstToken.Task.WaitAsync(stop.Token);
            await await Task.WhenAny(writing, computing); // a WRITE that fails ends the computing, too
            var token = await computing;
            await writing;
            await CompleteAsync(token, stop.Token);
            return (true, "");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            await stop.CancelAsync();
            var reason = ending.IsCancellationRequested ? "The engine ends." : e.Message;
            foreach (var (_, push) in pushes) await push.FailAsync(reason); // waits until the transport is done with the blocks
            return (false, reason);
        }
        finally
        {
            await loop.AbortAsync(() => _sequence);
            _sequence?.Release();
            foreach (var (_, push) in pushes) await push.DisposeAsync();
            loop.Wake();
        }
    }

    void ISequenceOwner.Admitted(Sequence sequence)
    {
        (_started, _cached) = (Stopwatch.GetTimestamp(), sequence.CachedTokens);
        try
        {
            foreach (var (rank, push) in pushes) push.Accept(sequence.Leases[rank]);
            if (sequence.CachedTokens == 0) return;
            for (var rank = 0; rank < options.TensorParallel; rank++)
                for (var layer = 0; layer < KjvBytesKv.Schema.Groups[0].Layers; layer++) _writer.Stored(rank, layer, sequence.CachedTokens);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            _firstToken.TrySetException(e);
        }
    }

    void ISequenceOwner.Token(Sequence sequence, int token)
    {
        _writer.ComputedAt = Stopwatch.GetTimestamp();
        _firstToken.TrySetResult(token);
    }

    void ISequenceOwner.NotNumbers(Sequence sequence) =>
        _firstToken.TrySetException(new InvalidOperationException("The logits are not numbers: a block of the prompt's cache was read that was not written."));

    private void Add(SequenceSpec spec)
    {
        try
        {
            _sequence = loop.Add(spec, this);
        }
        catch (ArgumentException e)
        {
            _firstToken.TrySetException(e);
        }
    }

    private void Stored(int rank, int layer, int positions)
    {
        _writer.Stored(rank, layer, positions);
        options.Stored?.Invoke(rank, layer, positions);
    }

    /// <summary>Every byte is there: the decode engine's ranks are told.</summary>
    private async Task CompleteAsync(int token, CancellationToken cancellation)
    {
        var (transfer, exposed) = _writer.Times;
        var payload = new PromptComputed(
            token, Stopwatch.GetElapsedTime(_asked, _started).TotalMilliseconds, Stopwatch.GetElapsedTime(_started, _writer.ComputedAt).TotalMilliseconds,
            transfer.TotalMilliseconds, exposed.TotalMilliseconds) { AskedAt = _askedAt, Computed = message.Prompt.Length - _cached, MovingMs = _writer.Moving.TotalMilliseconds }.ToBytes();
        foreach (var (_, push) in pushes) await push.CompleteAsync(payload, cancellation);
    }
}
