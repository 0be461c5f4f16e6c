namespace Nixl.Sdk.Bench.Serving;

/// <summary>Turns the parts of many requests into figures.</summary>
internal sealed class HandoverFigures(string name)
{
    internal IEnumerable<Figure> Of(IReadOnlyCollection<HandoverParts> alone, IReadOnlyCollection<HandoverParts> loaded)
    {
        yield return Share("handover_share", alone, parts => parts.Overhead, "everything in TTFT that is neither computing nor copying; one request at a time") with { AtMost = 0.1 };
        yield return Share("handover_share.long", LongHalf(alone), parts => parts.Overhead, "the same for the half of the prompts that take longest to compute");
        yield return Share("handover_share.loaded", loaded, parts => parts.Overhead - parts.Queue, "the same under the open loop without the queue, which is other prompts' computing: it has the waiting for a processor in it");
        yield return Share("transfer_share", alone, parts => parts.Moving, "KV transfer (any bytes on their way), hidden or not, as a share of TTFT");
        yield return new Figure($"{name}.transfer_hidden", alone.Average(parts => parts.Moving > 0 ? 1 - (Math.Min(parts.Exposed, parts.Moving) / parts.Moving) : 1), "ratio")
        {
            Note = "share of the transfer that came before the prompt's last step had ended",
        };
        foreach (var (kind, all) in ((string, IReadOnlyCollection<HandoverParts>)[])[("alone", alone), ("loaded", loaded)])
        {
            var middle = HandoverParts.Middle(all);
            foreach (var (part, value, note) in ((string, double, string)[])
                [
                    ("ttft", middle.Whole, "time to the first token of a median request; its parts:"),
                    ("01_client", middle.Client, "client → router"),
                    ("02_router", middle.Router, "router → decode engine, or prefill engine if the prompt was sent ahead to it"),
                    ("03_choice", middle.Choice, "where the prompt is computed"),
                    ("04_request", middle.Request, "blocks reserved and granted, request on its way to the prefill engine"),
                    ("05_queue", middle.Queue, "waiting for the prefill engine's next step"),
                    ("06_compute", middle.Compute, "computing the prompt"),
                    ("07_copy", middle.Copy, "transfer that was not hidden behind computing"),
                    ("08_end", middle.End, "the end's way back, arrival checked"),
                    ("09_first_token", middle.FirstToken, "until the engine gives the token out"),
                    ("10_back", middle.Back, "engine → router"),
                    ("11_out", middle.Out, "router → client"),
                    ("second", middle.Next, "from the first token to the second: the rest of the cache's way, and a step"),
                ])
                yield return new Figure($"{name}.{kind}.{part}", value, "ms") { Note = note };
        }
    }

    private static HandoverParts[] LongHalf(IReadOnlyCollection<HandoverParts> all) => [.. all.OrderByDescending(parts => parts.Compute).Take((all.Count + 1) / 2)];

    // Of sums: long prompts weigh what they take.
    private Figure Share(string figure, IReadOnlyCollection<HandoverParts> all, Func<HandoverParts, double> part, string note) =>
        new($"{name}.{figure}", all.Sum(part) / all.Sum(parts => parts.Whole), "ratio") { Note = $"{note}; {all.Count} requests" };
}
