using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>The cache travels while the prompt is computed: a gate in the middle of the computing opens only when the earlier part is over there.</summary>
public sealed class ServingOverlapTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    public async Task Layer_0_is_there_before_layer_3_is_computed(int prefillRanks, int decodeRanks)
    {
        await using var bench = new ServingBench();
        using var seen = new ManualResetEventSlim();
        var waited = 0;
        // On the rank's thread, when layer 3 of the last chunk has been stored: the step cannot end before layer 0 was seen over there.
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, prefillRanks, options => options with
        {
            Stored = (_, layer, positions) =>
            {
                if (layer == 3 && positions == 100 && seen.Wait(TimeSpan.FromSeconds(25))) Interlocked.Increment(ref waited);
            },
        });
        var decode = await bench.StartAsync("d", EngineRole.Decode, decodeRanks);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(100, 3), 5, "p");
        List<EngineEvent> events = [];
        await foreach (var happened in decode.GenerateAsync(request, CancellationToken.None))
        {
            events.Add(happened);
            if (happened is LayerEvent { Layer: 0 }) seen.Set();
        }
        bench.AssertAnswer(request, events);
        Assert.Equal(prefillRanks, waited);
        Assert.True(prefill.Counters.WritesWhileComputing > 0);
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task A_chunk_is_there_before_the_next_is_computed()
    {
        await using var bench = new ServingBench();
        ServingEngine? prefill = null;
        var waited = 0;
        prefill = await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with
        {
            Core = options.Core with { ChunkTokens = 32 },
            Stored = (_, layer, positions) =>
            {
                if (layer != 0 || positions is not (64 or 96)) return;
                // So many bytes of the chunks before have arrived, all four layers of them.
                var blocks = (positions - 32) / 16;
                for (var i = 0; i < 5000 && ServingBench.Written(prefill!) < blocks * KjvBytesKv.BytesPerBlock; i++) Thread.Sleep(5);
                if (ServingBench.Written(prefill!) >= blocks * KjvBytesKv.BytesPerBlock) waited++;
            },
        });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(100, 3), 5, "p");
        bench.AssertAnswer(request, await ServingBench.AskAsync(decode, request));
        Assert.Equal(2, waited);
        await bench.AssertQuietAsync();
    }
}
