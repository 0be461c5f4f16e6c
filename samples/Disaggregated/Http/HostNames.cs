using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// The names that a server answers to. A page that somebody visits can have its own name lead to this machine (DNS rebinding) and is then of the same
/// origin for the browser: what gives it away is the name in <c>Host</c>. An address there, localhost or the machine's name cannot be another site's.
/// </summary>
internal static class HostNames
{
    /// <summary>Refuses every request that is for another host, with 421.</summary>
    /// <param name="app">The server.</param>
    /// <param name="names">Names by which it is reached besides.</param>
    internal static void AnswerOnlyTo(this WebApplication app, IReadOnlyList<string> names) => app.Use((context, next) =>
    {
        var host = context.Request.Host.Host;
        if (IsOwn(host) || names.Contains(host, StringComparer.OrdinalIgnoreCase)) return next(context);
        return context.RefuseAsync(
            StatusCodes.Status421MisdirectedRequest,
            $"The request is for host '{host}'. This server answers to addresses, localhost, {Environment.MachineName}{string.Concat(names.Select(name => $", {name}"))}: start it with the name (router and serve: --host; engine: --url).");
    });

    // No name at all is HTTP 1.0: no browser's.
    private static bool IsOwn(string host) => host.Length == 0 || IPAddress.TryParse(host, out _)
        || host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || host.Equals(Environment.MachineName, StringComparison.OrdinalIgnoreCase);
}
