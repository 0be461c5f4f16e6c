using System.Collections.Concurrent;

namespace Nixl.Sdk.Serving;

// Whether a peer is ready for us: it has to be connected to us, too, and to know our pool, or it drops what we send it.
public sealed partial class KvConnector
{
    private readonly ConcurrentDictionary<ulong, (PeerIdentity Peer, TaskCompletionSource<KvAnswer> Answer)> _questions = new();

    /// <summary>Asks whether a peer would take a request, or an offer, of one of our pools.</summary>
    /// <exception cref="TimeoutException">No answer: it is not connected to this agent (yet).</exception>
    /// <exception cref="NixlException">It could not be asked.</exception>
    internal async ValueTask<KvAnswer> AskAsync(
        RemoteAgent peer, KvMessageKind what, string toPool, string fromPool, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        var question = new KvAskMessage(DrawId(), what, toPool, fromPool);
        var answer = new TaskCompletionSource<KvAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _questions[question.Id] = (PeerIdentity.Of(peer), answer);
        try
        {
            await Agent.NotifyAsync(peer, KvMessageCodec.Encode(question), timeout, cancellationToken).ConfigureAwait(false);
            return await answer.Task.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _questions.TryRemove(question.Id, out _);
        }
    }

    private void Asked(in NotificationInfo info, KvAskMessage ask)
    {
        if (IsDisposed || Agent.Runtime.FindPeer(info.Sender, info.SenderIncarnation) is null) return; // it asks again
        var answer = _roles.TryGetValue((ask.What, ask.ToPool), out var role) ? role.WouldTake(PeerIdentity.Of(info), ask.FromPool) ? KvAnswer.Yes : KvAnswer.NotYet : KvAnswer.NoRole;
        Send(PeerIdentity.Of(info), new KvAnswerMessage(ask.Id, answer));
    }

    private void Answered(in NotificationInfo info, KvAnswerMessage answer)
    {
        if (_questions.TryGetValue(answer.Id, out var question) && question.Peer == PeerIdentity.Of(info)) question.Answer.TrySetResult(answer.Answer);
        else Interlocked.Increment(ref _late);
    }
}
