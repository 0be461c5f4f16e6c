using System.Text;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>
/// The two sides of a handshake hold different content: element types, shapes, quantisation or the model itself. Blocks moved
/// between them would be read as something else, so nothing is moved.
/// </summary>
/// <remarks>Immutable, so thread-safe.</remarks>
public sealed class LayoutMismatchException : NixlException
{
    internal LayoutMismatchException(
        string localAgent, string localPool, string peer, string peerPool, KvList<SchemaDifference> differences, string localText, string remoteText)
        : base(NixlStatus.Mismatch, Describe(localAgent, localPool, peer, peerPool, differences, localText, remoteText))
    {
        Peer = peer;
        Differences = differences;
        LocalText = localText;
        RemoteText = remoteText;
    }

    /// <summary>Every content field that differs, with its value on both sides.</summary>
    public KvList<SchemaDifference> Differences { get; }

    /// <summary>Canonical text of the layout on this side.</summary>
    public string LocalText { get; }

    /// <summary>Canonical text of the layout on the peer's side.</summary>
    public string RemoteText { get; }

    private static string Describe(
        string localAgent, string localPool, string peer, string peerPool, KvList<SchemaDifference> differences, string localText, string remoteText)
    {
        var text = new StringBuilder();
        text.Append($"Pool '{localPool}' of agent '{localAgent}' and pool '{peerPool}' of agent '{peer}' hold different content, which must be equal. Differing fields: ");
        for (var i = 0; i < differences.Count; i++) text.Append(i == 0 ? "" : "; ").Append(differences[i]);
        text.Append(".\n--- here: ").Append(localAgent).Append(" ---\n").Append(localText);
        text.Append("--- there: ").Append(peer).Append(" ---\n").Append(remoteText);
        return text.ToString();
    }
}
