using System.Globalization;
using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Serve;

namespace Nixl.Sdk.Bench.Serving;

/// <summary>
/// Prefill and decode engines behind a router against as many engines that do both, on the same processors in turns, with the same requests. Every
/// answer is compared with one engine alone.
/// </summary>
internal sealed class ServeBenchmark(string name, int prefills, int decodes) : IBenchmark
{
    private const int Clients = 8;

    // Of what was reached with all clients busy: how much of it comes by itself in the open loop.
    private const double OpenLoad = 0.6;

    public string Name => name;

    public string Summary => $"{prefills} prefill + {decodes} decode engines against {prefills + decodes} monolithic ones: throughput, TTFT, inter-token latency, hand-over.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var (rounds, requests) = quick ? (1, 16) : (3, 48);
        await using var ours = await ServeSystem.StartAsync([.. ClusterOptions.Of("prefill", prefills), .. ClusterOptions.Of("decode", decodes)]);
        await using var theirs = await ServeSystem.StartAsync(ClusterOptions.Of("decode", prefills + decodes));
        ServeSystem[] both = [ours, theirs];
        var seed = 1;
        var rate = double.MaxValue;
        // Uncounted, until code is compiled and connections are there.
        for (var i = 0; i < (quick ? 1 : 4); i++, seed++)
            foreach (var system in both) rate = Math.Min(rate, OpenLoad * (await system.ClosedAsync(Clients, PromptSet.Create(seed, 32))).RequestsPerSecond);
        List<HandoverParts> alone = [], loaded = [];
        for (var round = 0; round < rounds; round++, seed += 3)
        {
            // Fresh prompts each time, so that nothing but their common beginnings is cached; the same ones for both.
            alone.AddRange(await ours.PartsAsync(await ours.AloneAsync(PromptSet.Create(seed, quick ? 8 : 16))));
            foreach (var system in both)
            {
                system.Closed.Add(await system.ClosedAsync(Clients, PromptSet.Create(seed + 1, requests)));
                var open = await system.OpenAsync(rate, seed, PromptSet.Create(seed + 2, requests));
                system.Open.Add(ServeLatencies.Of(open));
                if (system == ours) loaded.AddRange(await ours.PartsAsync(open));
            }
        }
        var cached = await CachedAsync(ours, seed);
        Compare(both);
        if (alone.Count == 0 || loaded.Count == 0) throw new InvalidOperationException("No request went through a prefill engine.");
        return [.. Speeds(ours, theirs), .. new HandoverFigures(name).Of(alone, loaded), cached];
    }

    /// <summary>The same prompts a second time.</summary>
    private async Task<Figure> CachedAsync(ServeSystem ours, int seed)
    {
        var prompts = PromptSet.Create(seed + 10, 40).Where(prompt => prompt.PromptTokens > 128).Take(12).ToArray();
        var first = ServeLatencies.Of(await ours.AloneAsync(prompts)).FirstToken.Median;
        var again = ServeLatencies.Of(await ours.AloneAsync(prompts)).FirstToken.Median;
        return new Figure($"{name}.prefix_hit", again / first, "ratio")
        {
            Ours = Comparison.Time(again), Reference = Comparison.Time(first),
            Note = "TTFT of prompts of 128 tokens and more that are cached, against the first time",
        };
    }

    private static void Compare(ServeSystem[] systems)
    {
        using var reference = new MonolithicReference();
        Answer[] answers = [.. systems.SelectMany(system => system.Answers)];
        var wrong = AnswerJudge.Judge(answers, reference).Concat(answers.Where(answer => answer.Outcome != Outcome.Done).Select(answer => answer.ToString())).ToArray();
        if (wrong.Length > 0) throw new InvalidOperationException($"{wrong.Length} of {answers.Length} answers are not the monolithic engine's:\n{string.Join('\n', wrong.Take(10))}");
    }

    private IEnumerable<Figure> Speeds(ServeSystem ours, ServeSystem theirs)
    {
        var what = $"{prefills} prefill + {decodes} decode; reference: {prefills + decodes} monolithic";
        yield return Rate("closed.tokens_per_s", "tokens/s", latencies => latencies.TokensPerSecond);
        yield return Rate("closed.requests_per_s", "requests/s", latencies => latencies.RequestsPerSecond);
        foreach (var (loop, of) in ((string, Func<ServeSystem, List<ServeLatencies>>)[])[("closed", system => system.Closed), ("open", system => system.Open)])
        {
            foreach (var (quantile, at) in ((string, double)[])[("p50", 0.5), ("p99", 0.99)])
            {
                yield return Time(loop, $"ttft_{quantile}", of, latencies => latencies.FirstToken.Quantile(at));
                yield return Time(loop, $"itl_{quantile}", of, latencies => latencies.InterToken.Quantile(at));
            }
        }

        Figure Rate(string figure, string unit, Func<ServeLatencies, double> value) => new($"{name}.{figure}", Median(ours.Closed, value), unit)
        {
            Reference = string.Create(CultureInfo.InvariantCulture, $"{Median(theirs.Closed, value):0.0} {unit}"), Note = $"{Clients} clients, {what}",
        };

        Figure Time(string loop, string figure, Func<ServeSystem, List<ServeLatencies>> of, Func<ServeLatencies, double> value) =>
            new($"{name}.{loop}.{figure}", Median(of(ours), value) * 1000, "ms")
            {
                Reference = Comparison.Time(Median(of(theirs), value)),
                Note = loop == "closed" ? $"{Clients} clients, {what}" : $"Poisson arrivals at {OpenLoad:P0} of the slower one's throughput, {what}",
            };
    }

    private static double Median(List<ServeLatencies> rounds, Func<ServeLatencies, double> value)
    {
        var samples = new Measurements();
        foreach (var round in rounds) samples.Add(value(round));
        return samples.Median;
    }
}
