using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// What a socket has read goes on at once on the thread that has read it, not by way of the thread pool: a wake-up or two less for every message. In return
/// what a message runs must not take long: what waits is awaited, what computes has threads of its own, and large requests go to the thread pool first.
/// </summary>
internal static class InlineSockets
{
    internal const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>For a server: from the socket to its requests, and back.</summary>
    internal static void InServer(SocketTransportOptions options) => options.UnsafePreferInlineScheduling = true;

    /// <summary>From the machine to the sockets, for all of this process, unless its environment says something else. Before its first socket: the runtime looks
    /// once. Not for an engine: connections to other engines are made on threads of these, too.</summary>
    internal static void InProcess()
    {
        if (Environment.GetEnvironmentVariable(Variable) is null) Environment.SetEnvironmentVariable(Variable, "1");
    }
}
