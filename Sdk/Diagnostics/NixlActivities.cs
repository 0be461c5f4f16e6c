using System.Diagnostics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Diagnostics;

/// <summary>
/// The spans of the source "Nixl.Sdk": hand-overs, and their steps under them. Nothing is made while nobody listens. None of them is ever the current
/// activity: they begin and end on different threads, and users' code runs in between.
/// </summary>
internal static class NixlActivities
{
    private static readonly ActivitySource Source = new(NixlMetrics.MeterName, typeof(NixlActivities).Assembly.GetName().Version?.ToString());

    /// <summary>Whether anybody listens: asked before anything is computed for a span.</summary>
    public static bool IsOn => Source.HasListeners();

    /// <summary>One side of a hand-over, under the caller's activity. Null if nobody wants it.</summary>
    /// <param name="agent">Whose side.</param>
    /// <param name="isProducer">Which side.</param>
    /// <param name="isPull">Which way.</param>
    /// <param name="request">The engines' name of it.</param>
    /// <param name="peer">The other side.</param>
    /// <param name="blocks">Of the prompt.</param>
    /// <param name="byPeer">A peer has begun it: whatever activity the thread happens to have is not its parent.</param>
    public static Activity? Handover(string agent, bool isProducer, bool isPull, string request, string peer, int blocks, bool byPeer = false)
    {
        if (!IsOn) return null;
        var span = Begin("nixl.kv.handover", isProducer ? ActivityKind.Server : ActivityKind.Client, default, byPeer);
        span?.SetTag("nixl.agent", agent).SetTag("nixl.kv.side", isProducer ? "producer" : "consumer").SetTag("nixl.kv.way", isPull ? "pull" : "push")
            .SetTag("nixl.kv.request", request).SetTag("nixl.peer", peer).SetTag("nixl.kv.blocks", blocks);
        return span;
    }

    /// <summary>A step of a hand-over. Null if that has no span.</summary>
    /// <param name="handover">The hand-over.</param>
    /// <param name="name">What is done.</param>
    /// <param name="blocks">How many blocks it is about.</param>
    /// <param name="peer">Whose, if not only ours.</param>
    /// <param name="layer">One layer of them; less than 0: all.</param>
    public static Activity? Step(Activity? handover, string name, int blocks, string? peer = null, int layer = -1)
    {
        if (handover is null) return null;
        var span = Begin(name, ActivityKind.Internal, handover.Context, root: false)?.SetTag("nixl.kv.blocks", blocks);
        if (peer is not null) span?.SetTag("nixl.peer", peer);
        if (layer >= 0) span?.SetTag("nixl.kv.layer", layer);
        return span;
    }

    /// <summary>It has failed. Again: no effect.</summary>
    public static void Failed(Activity? span, Exception reason)
    {
        if (span is null) return;
        End(span, reason switch
        {
            KvHandoverException handover => handover.Outcome,
            TimeoutException or TransferTimeoutException or BlocksExhaustedException => KvOutcome.TimedOut,
            OperationCanceledException => KvOutcome.Cancelled,
            _ => KvOutcome.Failed,
        }, 0, reason.Message);
    }

    /// <summary>It has ended. Again: no effect.</summary>
    /// <param name="span">Null: nobody listens.</param>
    /// <param name="outcome">Null: something is missing.</param>
    /// <param name="bytes">That were moved.</param>
    /// <param name="why">Why it is not complete.</param>
    public static void End(Activity? span, KvOutcome? outcome, long bytes, string? why = null)
    {
        if (span is null or { IsStopped: true }) return;
        Apart((span, outcome, bytes, why), static end =>
        {
            end.span.SetTag("nixl.kv.bytes", end.bytes).SetTag("nixl.kv.outcome", HandoverMetrics.Name(end.outcome));
            if (end.outcome != KvOutcome.Completed) end.span.SetStatus(ActivityStatusCode.Error, end.why);
            end.span.Stop();
            return end.span;
        });
    }

    private static Activity? Begin(string name, ActivityKind kind, ActivityContext parent, bool root) => Apart((name, kind, parent, root), static begin =>
    {
        if (begin.root) Activity.Current = null;
        return Source.StartActivity(begin.name, begin.kind, begin.parent);
    });

    // Starting and stopping change the current activity, and call listeners, which may throw anything.
    private static Activity? Apart<T>(T what, Func<T, Activity?> act)
    {
        var before = Activity.Current;
        try
        {
            return act(what);
        }
#pragma warning disable CA1031
        catch (Exception)
#pragma warning restore CA1031
        {
            return null; // the hand-over goes on
        }
        finally
        {
            Activity.Current = before;
        }
    }
}
