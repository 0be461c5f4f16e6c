using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Prompts of p ranks are continued on d, many at once: every answer is that of one runner alone, and every byte that moved is accounted for.</summary>
public sealed class ServingAnswerTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    [InlineData(2, 4)]
    [InlineData(4, 2)]
    public async Task Many_prompts_at_once_have_the_answers_of_one_engine(int prefillRanks, int decodeRanks)
    {
        await using var bench = new ServingBench();
        await AnswerManyAsync(bench, prefillRanks, decodeRanks);
    }

    [Theory]
    [InlineData(NixlTransports.Local, 1, 1)]
    [InlineData(NixlTransports.Local, 2, 1)]
    [InlineData(NixlTransports.Loopback, 1, 2)]
    public async Task They_have_them_over_the_native_transports(NixlTransports transport, int prefillRanks, int decodeRanks)
    {
        await using var bench = new ServingBench(transport);
        await AnswerManyAsync(bench, prefillRanks, decodeRanks);
    }

    [Fact]
    public async Task One_engine_in_both_parts_serves_another_and_itself()
    {
        await using var bench = new ServingBench();
        ServingEngine a = await bench.StartAsync("a", EngineRole.Both, 1), b = await bench.StartAsync("b", EngineRole.Both, 2);
        await bench.ConnectAsync();
        List<(ServingEngine Engine, GenerateRequest Request)> asked = [];
        for (var i = 0; i < 8; i++) asked.Add((i % 2 == 0 ? a : b, bench.Request(ServingBench.Prompt(40 + (i * 9), i), 12, i % 2 == 0 ? "b" : "a")));
        var answers = await Task.WhenAll(asked.Select(ask => ServingBench.AskAsync(ask.Engine, ask.Request)));
        for (var i = 0; i < answers.Length; i++)
        {
            bench.AssertAnswer(asked[i].Request, answers[i]);
            ServingBench.Arrived(answers[i]);
        }
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task Without_a_prefill_engine_a_decode_engine_answers_alone()
    {
        await using var bench = new ServingBench();
        var decode = await bench.StartAsync("d", EngineRole.Decode, 2);
        GenerateRequest[] requests = [bench.Request(ServingBench.Prompt(90, 1), 20), bench.Request(ServingBench.Prompt(90, 2), 20, "nobody")];
        var answers = await Task.WhenAll(requests.Select(request => ServingBench.AskAsync(decode, request)));
        for (var i = 0; i < 2; i++)
        {
            bench.AssertAnswer(requests[i], answers[i]);
            Assert.Equal("d", Assert.Single(answers[i].OfType<PrefillEvent>()).Engine);
        }
        Assert.Equal(180, decode.GetStatus().PromptTokensComputed);
        await bench.AssertQuietAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(19)]
    public async Task An_answer_goes_on_behind_what_the_client_has_already(int emitted)
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var whole = bench.Request(ServingBench.Prompt(50, 4), 20);
        var expected = bench.Expected(whole.Prompt, 20);
        Assert.Equal(20, expected.Length);
        foreach (var prefill in (string[][])[[], ["p"]])
        {
            var request = whole with { Id = "again", Emitted = expected[..emitted], Prefill = prefill };
            bench.AssertAnswer(request, await ServingBench.AskAsync(decode, request));
        }
        var complete = await ServingBench.AskAsync(decode, whole with { Emitted = expected });
        Assert.Empty(ServingBench.TokensOf(complete));
        Assert.Equal("length", Assert.IsType<FinishedEvent>(complete[^1]).Reason);
        await bench.AssertQuietAsync();
    }

    private static async Task AnswerManyAsync(ServingBench bench, int prefillRanks, int decodeRanks)
    {
        ServingEngine prefill = await bench.StartAsync("p", EngineRole.Prefill, prefillRanks), decode = await bench.StartAsync("d", EngineRole.Decode, decodeRanks);
        await bench.ConnectAsync();
        var random = new Random((prefillRanks * 10) + decodeRanks);
        GenerateRequest[] requests = [.. Enumerable.Range(0, 12).Select(i => bench.Request(ServingBench.Prompt(random.Next(18, 260), 100 + i), random.Next(1, 40), "p"))];
        var answers = await Task.WhenAll(requests.Select(request => ServingBench.AskAsync(decode, request)));

        var bytes = 0L;
        for (var i = 0; i < answers.Length; i++)
        {
            bench.AssertAnswer(requests[i], answers[i]);
            var arrived = ServingBench.Arrived(answers[i]);
            Assert.Equal((requests[i].Prompt.Length + 15) / 16 * KjvBytesKv.BytesPerBlock, arrived.Bytes);
            Assert.Equal(Enumerable.Range(0, 4), answers[i].OfType<LayerEvent>().Select(layer => layer.Layer));
            bytes += arrived.Bytes;
        }
        Assert.Equal(bytes, ServingBench.Written(prefill));
        Assert.All(decode.Ranks, static rank => Assert.True(rank.Connector.Snapshot() is { ChecksumsEqual: > 0, ChecksumsDifferent: 0 }, $"{rank.Connector.Snapshot()}"));
        Assert.Equal((0, requests.Sum(request => request.Prompt.Length)), (decode.GetStatus().PromptTokensComputed, prefill.GetStatus().PromptTokensComputed));
        Assert.Equal(bytes, Assert.Single(decode.GetStatus().Peers).Bytes);
        Assert.Equal(decode.GetStatus().Peers[0].Transport, prefill.GetStatus().Peers[0].Transport);
        Assert.NotEqual("", prefill.GetStatus().Peers[0].Transport);
        await ServingBench.UntilAsync(() => Assert.Single(prefill.GetStatus().Peers).Bytes == bytes, () => $"{prefill.GetStatus().Peers[0]} for {bytes} bytes");
        await bench.AssertQuietAsync();
    }
}
