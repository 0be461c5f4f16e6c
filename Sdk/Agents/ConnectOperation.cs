using System.Threading.Tasks.Sources;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>One connect. A cold path: made per call.</summary>
internal sealed class ConnectOperation : IValueTaskSource, IOperationOwner
{
    private readonly AgentRuntime _runtime;
    private readonly string _name;
    private readonly OperationSlot _slot;
    private RemoteAgent? _peer;

    /// <param name="runtime">The agent.</param>
    /// <param name="name">The peer's name as its metadata says, for messages; may be empty.</param>
    public ConnectOperation(AgentRuntime runtime, string name)
    {
        _runtime = runtime;
        _name = name;
        _slot = new OperationSlot(runtime, this);
    }

    public NixlTransports Transport => NixlTransports.None;

    /// <summary>Known once the core has accepted the metadata.</summary>
    public RemoteAgent Peer => _peer ?? throw new InvalidOperationException("Not started.");

    /// <summary>The core has accepted the metadata, but not the connect.</summary>
    public void Failed()
    {
        if (_peer is not null) _runtime.ForgetFailed(_peer);
    }

    public ValueTask StartAsync(ReadOnlySpan<byte> blob, NixlTransports transports, ulong timeoutNs, CancellationToken token)
    {
        var userData = _slot.Begin(token);
        ulong id;
        try
        {
            _runtime.Gate.Enter();
            try
            {
                var status = _runtime.Core.ConnectPeer(blob, transports, timeoutNs, userData, out id);
                if (status < 0)
                {
                    var details = _runtime.Core.LastError() with { Status = status };
                    throw NixlErrors.Create(details with { Peer = details.Peer ?? (_name.Length > 0 ? _name : null) }, What);
                }

                _peer = _runtime.GetPeer(id);
            }
            finally
            {
                _runtime.Gate.Exit();
            }
        }
        catch
        {
            _slot.Abort();
            throw;
        }

        return new ValueTask(this, _slot.Posted(id));
    }

    public void GetResult(short token) => _slot.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _slot.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _slot.OnCompleted(continuation, state, token, flags);

    /// <summary>May run before the poster knows the peer (<see cref="_peer"/>); the event has its id.</summary>
    public unsafe Exception? OnOutcome(in NativeEvent outcome)
    {
        if (outcome.Status >= 0)
            return null;
        var status = (NixlStatus)outcome.Status;
        var text = NixlErrors.Hint(status);
        var name = _name;
        if (_runtime.Gate.TryEnter())
        {
            try
            {
                NativePeerInfo info = default;
                if (_runtime.Core.PeerInfo(outcome.Peer, ref info) >= 0)
                {
                    var reason = NativeText.Read(info.Reason, NativeConstants.TextMax);
                    if (reason.Length > 0)
                        text = reason;
                    if (name.Length == 0)
                        name = NativeText.Read(info.Name, NativeConstants.NameMax + 8);
                }
            }
            finally
            {
                _runtime.Gate.Exit();
            }
        }

        return NixlErrors.Create(new NixlErrorDetails(status, text, name, SystemError: outcome.SystemError), What);
    }

    public void OnReleased()
    {
    }

    private string What => _name.Length > 0 ? $"connecting to '{_name}'" : "connecting";
}
