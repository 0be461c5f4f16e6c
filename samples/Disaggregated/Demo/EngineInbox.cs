using System.Threading.Channels;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What all engines say, in one queue with a deadline on every wait. An engine's end is an error here.</summary>
internal sealed class EngineInbox(TimeSpan timeout, CancellationToken cancellation)
{
    private readonly Channel<(EngineLink From, EngineMessage Message)> _messages = Channel.CreateUnbounded<(EngineLink, EngineMessage)>();

    /// <summary>Starts taking in an engine's messages.</summary>
    internal void Listen(EngineLink engine) => _ = Task.Run(async () =>
    {
        try
        {
            while (await engine.Channel.ReceiveAsync(cancellation) is { } message) await _messages.Writer.WriteAsync((engine, message), cancellation);
            _messages.Writer.TryComplete(new EngineFailedException($"{engine.DescribeEnd()}."));
        }
        catch (Exception e)
        {
            _messages.Writer.TryComplete(e is OperationCanceledException ? e : new EngineFailedException($"{engine.Options.Agent}: {e.Message}", e));
        }
    }, CancellationToken.None);

    /// <summary>The next message, of whatever kind.</summary>
    /// <param name="waitingFor">For the message of a time-out.</param>
    /// <exception cref="TimeoutException">Nothing came in time.</exception>
    /// <exception cref="EngineFailedException">An engine ended or said that it or a request failed.</exception>
    internal async Task<(EngineLink From, EngineMessage Message)> NextAsync(string waitingFor)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        try
        {
            var next = await _messages.Reader.ReadAsync(deadline.Token);
            if (next.Message is FailedMessage failed)
                throw new EngineFailedException($"{next.From.Options.Agent}: {(failed.Request is { } request ? request + ": " : "")}{failed.Error}");
            return next;
        }
        catch (ChannelClosedException e) when (e.InnerException is { } cause)
        {
            throw cause is EngineFailedException ? new EngineFailedException(cause.Message, cause) : new OperationCanceledException("Cancelled.", cause, cancellation);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"No word from the engines for {timeout.TotalSeconds} s while waiting for {waitingFor}.");
        }
    }

    /// <summary>The next message, which must be of one kind and from one engine.</summary>
    internal async Task<T> ExpectAsync<T>(EngineLink from, string waitingFor)
        where T : EngineMessage
    {
        var (sender, message) = await NextAsync(waitingFor);
        return message is T expected && sender == from
            ? expected
            : throw new EngineFailedException($"{sender.Options.Agent} sent {message.GetType().Name} while {from.Options.Agent}'s {typeof(T).Name} was due.");
    }
}

/// <summary>An engine ended, failed, or failed a request.</summary>
internal sealed class EngineFailedException : Exception
{
    public EngineFailedException()
    {
    }

    public EngineFailedException(string message)
        : base(message)
    {
    }

    public EngineFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
