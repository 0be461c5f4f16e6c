using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>Puts into words what an outcome event says in numbers. Failures only.</summary>
internal static class OutcomeDetails
{
    public static NixlErrorDetails Of(in NativeEvent e, RemoteAgent peer)
    {
        var status = (NixlStatus)e.Status;
        var text = NixlErrors.Hint(status);
        if (status is NixlStatus.RemoteDisconnect or NixlStatus.StalePeer or NixlStatus.SuspectPeer or NixlStatus.Backend)
        {
            if (peer.Runtime.Gate.TryEnter())
            {
                try
                {
                    peer.Refresh();
                }
                finally
                {
                    peer.Runtime.Gate.Exit();
                }
            }

            if (peer.Reason.Length > 0)
                text = $"{text} [{peer.Transport}: {peer.Reason}]";
        }

        var known = e.Entry != ulong.MaxValue;
        return new NixlErrorDetails(
            status, text, peer.Name, known ? (long)e.Entry : null, known ? e.Address : null, known ? e.Length : null, e.SystemError);
    }
}
