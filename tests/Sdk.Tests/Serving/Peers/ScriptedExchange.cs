using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Tests.Serving.Peers;

/// <summary>An exchange that answers as told: with metadata, with a refusal at once, or never, whatever time-out and token say.</summary>
internal sealed class ScriptedExchange : IMetadataExchange
{
    private readonly InMemoryMetadataExchange _inner = new();
    private long _asked;

    /// <summary>Instead of an answer.</summary>
    public volatile Exception? Failure;

    /// <summary>No answer at all.</summary>
    public volatile bool Hangs;

    public long Asked => Interlocked.Read(ref _asked);

    public ValueTask PublishAsync(string agent, Func<byte[]> source, CancellationToken cancellationToken = default) => _inner.PublishAsync(agent, source, cancellationToken);

    public ValueTask WithdrawAsync(string agent, CancellationToken cancellationToken = default) => _inner.WithdrawAsync(agent, cancellationToken);

    public async ValueTask<byte[]> FetchAsync(string agent, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _asked);
        if (Hangs) await new TaskCompletionSource().Task;
        if (Failure is { } failure) throw failure;
        return await _inner.FetchAsync(agent, timeout, cancellationToken);
    }

    public ValueTask DisposeAsync() => _inner.DisposeAsync();
}
