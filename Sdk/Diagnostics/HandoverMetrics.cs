using System.Diagnostics;
using System.Diagnostics.Metrics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Diagnostics;

/// <summary>Connectors in the meter "Nixl.Sdk": what is open and what peers have sent from snapshots, hand-overs when they end.</summary>
internal static class HandoverMetrics
{
    private static readonly Watched<KvConnector> Connectors = new();

    private static readonly Counter<long>? Handovers = Instruments.Make(static meter =>
        meter.CreateCounter<long>("nixl.kv.handovers", "{handover}", "Hand-overs that have ended, by side, way and outcome"));

    private static readonly Counter<long>? Bytes = Instruments.Make(static meter =>
        meter.CreateCounter<long>("nixl.kv.handover.bytes", "By", "Bytes of caches that were handed over; what was cached at the consumer is not"));

    private static readonly Histogram<double>? Duration = Instruments.Make(static meter =>
        meter.CreateHistogram("nixl.kv.handover.duration", "s", "From the request or the offer to its end", tags: null, new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
        }));

    static HandoverMetrics()
    {
        Instruments.Make(static meter => meter.CreateObservableGauge("nixl.kv.accesses", ReadAccesses, "{access}", "Accesses that are open: given to peers, and held of theirs"));
        Instruments.Make(static meter => meter.CreateObservableCounter("nixl.kv.messages", ReadMessages, "{message}", "Messages of peers by what became of them; those that could not be told to them"));
        Instruments.Make(static meter => meter.CreateObservableCounter("nixl.kv.checksums", ReadChecksums, "{checksum}", "Checksums of layers of blocks that were compared, by whether they were equal"));
    }

    public static void Add(KvConnector connector) => Connectors.Add(connector);

    public static void Remove(KvConnector connector) => Connectors.Remove(connector);

    /// <summary>Once for each hand-over and side.</summary>
    public static void Ended(in HandoverEnd end)
    {
        if (Handovers is { Enabled: true } || Bytes is { Enabled: true } || Duration is { Enabled: true }) Instruments.Measure(end, Measure);
    }

    private static void Measure(HandoverEnd end)
    {
        var tags = new TagList { { "nixl.agent", end.Agent }, { "nixl.kv.side", end.IsProducer ? "producer" : "consumer" }, { "nixl.kv.way", end.IsPull ? "pull" : "push" } };
        if (end.Bytes > 0) Bytes?.Add(end.Bytes, tags);
        tags.Add("nixl.kv.outcome", Name(end.Outcome));
        Handovers?.Add(1, tags);
        Duration?.Record(end.Duration.TotalSeconds, tags);
    }

    private static IEnumerable<Measurement<long>> ReadAccesses()
    {
        foreach (var connector in Connectors.Living())
        {
            var s = connector.Snapshot();
            yield return Of("given", s.Given);
            yield return Of("held", s.Held);

            Measurement<long> Of(string kind, long value) => new(value, new("nixl.agent", connector.Agent.Name), new("nixl.kv.access", kind));
        }
    }

    private static IEnumerable<Measurement<long>> ReadMessages()
    {
        foreach (var connector in Connectors.Living())
        {
            var s = connector.Snapshot();
            yield return Of("read", s.Messages);
            yield return Of("late", s.Late);
            yield return Of("malformed", s.Malformed);
            yield return Of("not_granted", s.NotGranted);
            yield return Of("refused", s.Refused);
            yield return Of("undelivered", s.Undelivered);
            yield return Of("other", s.Others);
            yield return Of("other_dropped", s.OthersDropped);

            Measurement<long> Of(string fate, long value) => new(value, new("nixl.agent", connector.Agent.Name), new("nixl.kv.fate", fate));
        }
    }

    private static IEnumerable<Measurement<long>> ReadChecksums()
    {
        foreach (var connector in Connectors.Living())
        {
            var s = connector.Snapshot();
            yield return new(s.ChecksumsEqual, new("nixl.agent", connector.Agent.Name), new("nixl.kv.checksum", "equal"));
            yield return new(s.ChecksumsDifferent, new("nixl.agent", connector.Agent.Name), new("nixl.kv.checksum", "different"));
        }
    }

    internal static string Name(KvOutcome? outcome) => outcome switch
    {
        KvOutcome.Completed => "completed",
        KvOutcome.Cancelled => "cancelled",
        KvOutcome.Refused => "refused",
        KvOutcome.TimedOut => "timed_out",
        KvOutcome.PeerLost => "peer_lost",
        KvOutcome.Expired => "expired",
        KvOutcome.Corrupted => "corrupted",
        null => "incomplete",
        _ => "failed",
    };
}
