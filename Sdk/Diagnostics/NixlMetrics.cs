using System.Diagnostics;
using System.Diagnostics.Metrics;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Diagnostics;

/// <summary>The meter "Nixl.Sdk". Costs a branch per transfer while nobody listens.</summary>
internal static class NixlMetrics
{
    public const string MeterName = "Nixl.Sdk";

    internal static readonly Meter Meter = new(MeterName, typeof(NixlMetrics).Assembly.GetName().Version?.ToString());

    private static readonly Counter<long>? Bytes =
        Instruments.Make(static meter => meter.CreateCounter<long>("nixl.transfer.bytes", "By", "Bytes moved by transfers that succeeded"));

    private static readonly Counter<long>? Transfers =
        Instruments.Make(static meter => meter.CreateCounter<long>("nixl.transfers", "{transfer}", "Transfers that succeeded"));

    private static readonly Counter<long>? Failures =
        Instruments.Make(static meter => meter.CreateCounter<long>("nixl.transfer.failures", "{transfer}", "Transfers that failed or were cancelled"));

    private static readonly Counter<long>? NotificationsSent =
        Instruments.Make(static meter => meter.CreateCounter<long>("nixl.notifications.sent", "{notification}", "Free-standing notifications that the peer took"));

    private static readonly Counter<long>? NotificationsReceived =
        Instruments.Make(static meter => meter.CreateCounter<long>("nixl.notifications.received", "{notification}", "Notifications read"));

    public static void TransferEnded(string agent, string peer, NixlTransports transport, TransferOperation operation, in NativeEvent e)
    {
        if (e.Status == 0)
        {
            if (Bytes is not { Enabled: true } && Transfers is not { Enabled: true })
                return;
            var tags = Tags(agent, peer, transport, operation);
            Bytes?.Add((long)e.Bytes, tags);
            Transfers?.Add(1, tags);
        }
        else if (Failures is { Enabled: true })
        {
            var tags = Tags(agent, peer, transport, operation);
            tags.Add("nixl.status", NixlErrors.Name((NixlStatus)e.Status));
            Failures.Add(1, tags);
        }
    }

    public static void NotificationSent(string agent, string peer)
    {
        if (NotificationsSent is { Enabled: true })
            NotificationsSent.Add(1, new TagList { { "nixl.agent", agent }, { "nixl.peer", peer } });
    }

    public static void NotificationReceived(string agent, string peer)
    {
        if (NotificationsReceived is { Enabled: true })
            NotificationsReceived.Add(1, new TagList { { "nixl.agent", agent }, { "nixl.peer", peer } });
    }

    private static TagList Tags(string agent, string peer, NixlTransports transport, TransferOperation operation) => new()
    {
        { "nixl.agent", agent },
        { "nixl.peer", peer },
        { "nixl.transport", Name(transport) },
        { "nixl.operation", operation == TransferOperation.Read ? "read" : "write" },
    };

    private static string Name(NixlTransports transport) => transport switch
    {
        NixlTransports.Loopback => "loopback",
        NixlTransports.Local => "local",
        NixlTransports.Fabric => "fabric",
        _ => "none",
    };
}
