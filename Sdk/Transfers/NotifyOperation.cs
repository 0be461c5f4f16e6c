using System.Threading.Tasks.Sources;
using Nixl.Sdk.Diagnostics;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>
/// A free-standing notification on its way. Pooled: goes back when its outcome is awaited; one that nobody awaits is left to the
/// garbage collector.
/// </summary>
internal sealed class NotifyOperation : IValueTaskSource, IOperationOwner
{
    private readonly AgentRuntime _runtime;
    private readonly NotifyOperationPool _pool;
    private readonly OperationSlot _slot;
    private RemoteAgent _peer = null!;

    public NotifyOperation(AgentRuntime runtime, NotifyOperationPool pool)
    {
        _runtime = runtime;
        _pool = pool;
        _slot = new OperationSlot(runtime, this);
    }

    public NixlTransports Transport => _peer.Transport;

    public ValueTask SendAsync(RemoteAgent peer, in PostOptions options, CancellationToken token)
    {
        _peer = peer;
        var timeoutNs = Durations.ToNanoseconds(options.Timeout);
        var request = new NativeRequestHeader { LeaseToken = options.LeaseToken, Attempt = options.Attempt };
        var userData = _slot.Begin(token);
        ulong operation;
        try
        {
            _runtime.Gate.Enter();
            try
            {
                var status = _runtime.Core.SendNotification(peer.Id, options.Notification, timeoutNs, userData, request, out operation);
                if (status < 0)
                {
                    var details = _runtime.Core.LastError() with { Status = status };
                    throw NixlErrors.Create(details with { Peer = details.Peer ?? peer.Name }, What);
                }
            }
            finally
            {
                _runtime.Gate.Exit();
            }
        }
        catch
        {
            _slot.Abort();
            _pool.Return(this);
            throw;
        }

        return new ValueTask(this, _slot.Posted(operation));
    }

    public void GetResult(short token)
    {
        _slot.GetResult(token);
        // Only after a success: a failed one may not be quiesced yet, and a second await (which throws) must not return it twice.
        _pool.Return(this);
    }

    public ValueTaskSourceStatus GetStatus(short token) => _slot.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _slot.OnCompleted(continuation, state, token, flags);

    public Exception? OnOutcome(in NativeEvent outcome)
    {
        if (outcome.Status < 0)
            return NixlErrors.Create(OutcomeDetails.Of(outcome, _peer), What);
        NixlMetrics.NotificationSent(_runtime.Name, _peer.Name);
        return null;
    }

    public void OnReleased()
    {
    }

    private string What => $"notification to '{_peer.Name}'";
}
