namespace Nixl.Sdk;

// Transfers between two prepared lists.
public sealed partial class NixlAgent
{
    /// <summary>Makes a transfer object, to be posted as often as wanted.</summary>
    /// <param name="operation">The direction.</param>
    /// <param name="local">A local list of this agent.</param>
    /// <param name="remote">A list of this agent over a peer's memory.</param>
    /// <exception cref="NixlInvalidArgumentException">Swapped sides, or a list of another agent.</exception>
    /// <exception cref="ObjectDisposedException">A list or the agent is disposed.</exception>
    public Transfer CreateTransfer(TransferOperation operation, PreparedList local, PreparedList remote)
    {
        ArgumentNullException.ThrowIfNull(local);
        ArgumentNullException.ThrowIfNull(remote);
        if (operation is not (TransferOperation.Read or TransferOperation.Write))
            throw new ArgumentOutOfRangeException(nameof(operation), operation, "READ or WRITE.");
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ObjectDisposedException.ThrowIf(local.IsDisposed, local);
        ObjectDisposedException.ThrowIf(remote.IsDisposed, remote);
        if (local.Agent != this || remote.Agent != this)
        {
            throw new NixlInvalidArgumentException(
                NixlStatus.InvalidParameter,
                $"creating a transfer: INVALID_PARAM: the lists belong to agents '{local.Agent.Name}' and '{remote.Agent.Name}', not to '{Name}'.");
        }

        if (local.Peer is not null || remote.Peer is null)
        {
            throw new NixlInvalidArgumentException(
                NixlStatus.InvalidParameter,
                "creating a transfer: INVALID_PARAM: the first list must come from PrepareLocal and the second from PrepareRemote; the sides are swapped.")
            { Peer = local.Peer?.Name };
        }

        return new Transfer(Runtime, operation, local, remote);
    }
}
