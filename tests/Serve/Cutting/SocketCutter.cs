using System.ComponentModel;

namespace Nixl.Sdk.Serve;

/// <summary>Cuts connections of a process from outside, while both processes live: what no kill of an engine can show.</summary>
/// <param name="router">The router's port, by which announcements are recognised.</param>
internal sealed class SocketCutter(int router)
{
    // The agent's abstract socket names begin so; the runtime's own Unix sockets have other names.
    private const string AgentNames = "nixl-sdk/";

    /// <summary>Why connections of a process cannot be cut here; null if they can.</summary>
    internal static string? WhyNot(int process)
    {
        try
        {
            foreach (var socket in ForeignSocket.Of(process)) socket.Dispose();
            return null;
        }
        catch (Win32Exception e)
        {
            return $"sockets of other processes cannot be had here (pidfd_getfd: {e.Message}); it needs Linux 5.6 and the right to debug them";
        }
    }

    /// <summary>Cuts some of the connections of an engine that are of one kind.</summary>
    /// <param name="process">The engine's process.</param>
    /// <param name="http">The port on which it takes requests.</param>
    /// <param name="kind">What they are for.</param>
    /// <param name="choose">Asked for each.</param>
    /// <returns>How many were cut.</returns>
    /// <exception cref="Win32Exception">See <see cref="WhyNot"/>.</exception>
    internal int Cut(int process, int http, CutKind kind, Func<bool> choose)
    {
        var cut = 0;
        foreach (var socket in ForeignSocket.Of(process))
        {
            using (socket)
            {
                if (KindOf(socket, http) == kind && choose() && socket.Cut()) cut++;
            }
        }
        return cut;
    }

    private CutKind? KindOf(ForeignSocket socket, int http)
    {
        if (!socket.IsConnection) return null;
        if (socket.AbstractName is { Length: > 0 } name) return name.StartsWith(AgentNames, StringComparison.Ordinal) ? CutKind.Control : null;
        if (socket.LocalPort == http || socket.RemotePort == router) return CutKind.Http;
        // Agents have the kernel look after their control connections; libfabric does not.
        return socket.IsKeptAlive ? CutKind.Control : CutKind.Data;
    }
}
