using System.Collections.Concurrent;

namespace Nixl.Sdk.Metadata;

/// <summary>An exchange among the agents of one process: for tests and for engines that run their ranks in one process.</summary>
/// <remarks>Thread-safe. Give the same instance to all of them.</remarks>
public sealed class InMemoryMetadataExchange : IMetadataExchange
{
    private readonly ConcurrentDictionary<string, Func<byte[]>> _sources = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;

    // Completed and replaced at each publish; whoever waits looks again.
    private volatile TaskCompletionSource _changed = NewSignal();
    private volatile bool _disposed;

    /// <summary>Creates an empty exchange.</summary>
    public InMemoryMetadataExchange(TimeProvider? timeProvider = null) => _time = timeProvider ?? TimeProvider.System;

    /// <inheritdoc/>
    public ValueTask PublishAsync(string agent, Func<byte[]> source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ExchangeChecks.Name(agent);
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        _sources[agent] = source;
        Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask WithdrawAsync(string agent, CancellationToken cancellationToken = default)
    {
        ExchangeChecks.Name(agent);
        _sources.TryRemove(agent, out _);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask<byte[]> FetchAsync(string agent, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ExchangeChecks.Name(agent);
        ExchangeChecks.Timeout(timeout);
        using var deadline = new CancellationTokenSource(timeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        while (true)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var changed = _changed; // before the look, so that a publish in between is seen
            if (_sources.TryGetValue(agent, out var source)) return source();
            try
            {
                await changed.Task.WaitAsync(linked.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new MetadataExchangeException(NixlStatus.Timeout,
                    $"Agent '{agent}' did not publish its metadata in this process within {timeout}.", agent);
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _disposed = true;
        _sources.Clear();
        Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();
        return ValueTask.CompletedTask;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
