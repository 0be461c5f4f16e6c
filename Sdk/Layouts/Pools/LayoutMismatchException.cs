using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>
/// The two sides of a handshake hold different content: element types, shapes, quantisation or the model itself. Blocks moved
/// between them would be read as something else, so nothing is moved.
/// </summary>
/// <remarks>Immutable, so thread-safe.</remarks>
public sealed class LayoutMismatchException : NixlException
{
    internal LayoutMismatchException(LayoutSide local, LayoutSide remote, KvList<SchemaDifference> differences)
        : base(NixlStatus.Mismatch, Describe(local, remote, differences))
    {
        Peer = remote.Agent;
        Differences = differences;
        LocalText = local.Text;
        RemoteText = remote.Text;
    }

    /// <summary>Every content field that differs, with its value on both sides.</summary>
    public KvList<SchemaDifference> Differences { get; }

    /// <summary>Canonical text of the layout on this side.</summary>
    public string LocalText { get; }

    /// <summary>Canonical text of the layout on the peer's side.</summary>
    public string RemoteText { get; }

    private static string Describe(LayoutSide local, LayoutSide remote, KvList<SchemaDifference> differences) =>
        $"Pool '{local.Pool}' of agent '{local.Agent}' and pool '{remote.Pool}' of agent '{remote.Agent}' hold different content, which must be equal. " +
        $"Differing fields: {string.Join("; ", differences)}.\nBoth sides (here | there; !! must be equal and is not, ~ may differ):\n{SideBySide.Format(local, remote)}";
}
