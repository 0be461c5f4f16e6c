using System.Globalization;
using System.Text.Json.Nodes;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>Everything together: processes, the trained model, real transfers, and every token compared with one engine that did it all itself.</summary>
public sealed class ServeTests
{
    private const int Requests = 20, MaxTokens = 160;

    private static readonly Lazy<(string Prompt, int[] Answer)[]> Expected = new(() =>
    {
        using var model = ModelHandle.Load(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"));
        var engine = new MonolithicEngine(model);
        return [.. DemoPrompts.Choose(null, 8).Select(prompt => (prompt, engine.Generate(prompt, MaxTokens)))];
    });

    [SkippableFact]
    public async Task Answers_are_those_of_one_engine_also_when_engines_are_killed_in_the_middle_of_them()
    {
        await using var serve = await ServeProcess.StartAsync("--placement", "remote");
        using var http = new HttpClient { BaseAddress = serve.Url, Timeout = 2 * Wait.Long };
        // It is ready with a decode engine alone; what comes before the prefill engines is computed there, and then everything is cached.
        await UntilAllConnectedAsync(http);
        await AllAsync(http, _ => { });
        Assert.Equal(0, await SumAsync(http, "nixl_router_failovers_total{"));
        await Wait.UntilAsync(async () => await SumAsync(http, "nixl_engine_received_bytes{") > 0, "the router has seen that something was moved");

        // Both die while most answers are on their way; the prefill engine perhaps in the middle of a prompt, the decode engine certainly of answers.
        var (pieces, killed) = (0, 0);
        var (decode, prefill) = (serve.Processes["decode-0"], serve.Processes["prefill-0"]);
        await AllAsync(http, _ =>
        {
            if (Interlocked.Increment(ref pieces) < Requests * 4 || Interlocked.Exchange(ref killed, 1) == 1) return;
            serve.Kill("decode-0");
            serve.Kill("prefill-0");
        });
        Assert.True(await SumAsync(http, "nixl_router_failovers_total{") > 0, serve.Output);

        // The supervisor starts both again, and they take part.
        await Wait.UntilAsync(() => serve.Processes["decode-0"] != decode && serve.Processes["prefill-0"] != prefill, "the engines have been started again");
        await UntilAllConnectedAsync(http);
        await AllAsync(http, _ => { });
        await Wait.UntilAsync(async () => await SumAsync(http, "nixl_engine_up{engine=\"decode-0\"") == 1, "the router sends requests to decode-0");

        var all = serve.Processes.Values.ToArray();
        Assert.Equal(5, all.Length);
        serve.Terminate();
        await serve.Supervisor.WaitForExitAsync().WaitAsync(Wait.Long);
        Assert.Equal(0, serve.Supervisor.ExitCode);
        Assert.DoesNotContain(all, ServeProcess.Runs);
    }

    [SkippableFact]
    public async Task Nothing_outlives_a_supervisor_that_is_killed()
    {
        await using var serve = await ServeProcess.StartAsync("--prefill", "1", "--decode", "1");
        var all = serve.Processes.Values.ToArray();
        serve.Supervisor.Kill();
        await Wait.UntilAsync(() => !all.Any(ServeProcess.Runs), "router and engines have ended");
    }

    /// <summary>All prompts at once, as streams; every token is compared.</summary>
    private static async Task AllAsync(HttpClient http, Action<JsonNode> onPiece)
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, Requests).Select(async i =>
        {
            var (prompt, answer) = Expected.Value[i % Expected.Value.Length];
            var (pieces, done) = await http.StreamAsync(new { prompt, max_tokens = MaxTokens, stream = true, return_token_ids = true }, onPiece);
            Assert.True(done, pieces[^1].ToJsonString());
            return (answer, pieces.TokensOf());
        }));
        Assert.All(answers, pair => Assert.Equal(pair.answer, pair.Item2));
    }

    private static async Task<double> SumAsync(HttpClient http, string series) => (await http.GetStringAsync("/metrics")).Split('\n')
        .Where(line => line.StartsWith(series, StringComparison.Ordinal))
        .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    private static async Task UntilAllConnectedAsync(HttpClient http)
    {
        using var events = await http.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await events.Content.ReadAsStreamAsync());
        var end = DateTime.UtcNow + Wait.Long;
        while (await reader.ReadLineAsync().WaitAsync(Wait.Long) is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
            var engines = JsonNode.Parse(line["data: ".Length..])!["engines"]!.AsArray();
            if (engines.Count == 4 && engines.All(engine => (string?)engine!["state"] == "alive"
                && engine["peers"]!.AsArray().Count(peer => (string?)peer!["state"] == "connected") == 2)) return;
            Assert.True(DateTime.UtcNow < end, $"not all engines are connected: {engines.ToJsonString()}");
        }
    }
}
