using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Speculative;

// What goes to the draft engine and comes from it, and what happens when it fails.
internal sealed partial class DraftLink
{
    /// <summary>Answers the last proposal, and waits for the next.</summary>
    private async ValueTask<int[]> AskAsync(SequenceAtPeer sequence, IReadOnlyList<int> known, int k, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(_timeout);
        if (sequence.Round >= 0)
        {
            var verdict = new VerdictMessage(sequence.Number, sequence.Round, known.Count - sequence.Known - 1, known[^1], k);
            await _agent.NotifyAsync(_draft, verdict.ToBytes(), _timeout, cancellation);
        }
        var from = sequence.Cached.Keep(known);
        sequence.Round++;
        var (message, info) = await ReceiveAsync(deadline.Token);
        if (message is not ProposalMessage { Tokens: not null } proposal) throw new InvalidDataException($"The draft engine sent {message.GetType().Name} instead of candidates.");
        sequence.Check(proposal, info, known.Count, k, from, _model.Model.Config.VocabularySize, _pool.BytesPerBlock());
        if (Blocks.Heartbeat(sequence.Grant!.Token, PeerIdentity.Of(info)) is var answer and not LeaseAnswer.Accepted)
            throw new InvalidDataException($"The draft engine's permission to write is not valid any more: {answer}.");
        sequence.Cached.Add(known, proposal.Tokens);
        sequence.Known = known.Count;
        (BytesArrived, Writes, Drafting) = (BytesArrived + info.RequestBytes, Writes + 1, Drafting + TimeSpan.FromMicroseconds(proposal.Microseconds));
        return proposal.Tokens;
    }

    /// <exception cref="InvalidDataException">The draft engine has ended, or sent what is no message.</exception>
    /// <exception cref="TimeoutException">Nothing came in time.</exception>
    private async ValueTask<(SpeculationMessage Message, NotificationInfo Info)> ReceiveAsync(CancellationToken deadline)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline, _exited);
        try
        {
            while (true)
            {
                while (_agent.TryReadNotification(_payload, out var info))
                    if (info.Sender == _draft.Name && info.SenderIncarnation == _draft.Incarnation)
                        return (SpeculationMessage.Parse(_payload.AsSpan(0, info.PayloadLength)), info);
                if (!await _agent.WaitForNotificationAsync(either.Token)) throw new InvalidDataException("The verifier's agent is closed.");
            }
        }
        catch (OperationCanceledException) when (_exited.IsCancellationRequested)
        {
            throw new InvalidDataException("the draft engine's process has ended");
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"the draft engine did not answer within {_timeout.TotalSeconds} s");
        }
    }

    /// <summary>Takes the draft over if it is certain that nobody writes its blocks any more; else goes on without it.</summary>
    private async ValueTask FailAsync(Exception reason, CancellationToken cancellation)
    {
        Failure = reason.Message;
        if (await HasEndedAsync(reason, cancellation))
        {
            State = DraftState.TakenOver;
            DraftHasExited();
            if (_sequence is not null) StartHere(_sequence);
            return;
        }
        State = DraftState.Lost;
        _sequence?.Lease.Dispose();
        _sequence = null;
    }

    /// <summary>Whether its process has ended, and what it had sent before is not on its way any more.</summary>
    private async ValueTask<bool> HasEndedAsync(Exception reason, CancellationToken cancellation)
    {
        // A broken connection is noticed before the end of the process, or after it. Whoever talks nonsense or is silent has not ended.
        if (reason is not NixlException && !_exited.IsCancellationRequested) return false;
        for (var waited = TimeSpan.Zero; waited < _timeout && waited < EndGrace; waited += Poll)
        {
            if (_exited.IsCancellationRequested && _draft.State is PeerState.Disconnected or PeerState.Invalidated) return true;
            await Task.Delay(Poll, cancellation);
        }
        return false;
    }

    private void StartHere(SequenceAtPeer sequence)
    {
        _runner ??= _model.CreateRunner(_pool);
        sequence.Drafter = new Drafter(_runner, sequence.Lease.Blocks.ToArray(), sequence.Cached);
    }
}
