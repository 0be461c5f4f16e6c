using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>The first token comes with the cache and is told before the decode engine's steps have taken the sequence: whatever happens in between, it is told once.</summary>
public sealed class ServingFirstTokenTests
{
    [Theory]
    [InlineData("goes on")]
    [InlineData("ends with it")]
    [InlineData("the client goes")]
    [InlineData("the engine ends")]
    public async Task It_does_not_wait_for_the_step_that_is_computed_and_is_told_once(string what)
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        using var step = new ManualResetEventSlim();
        decode.Loop.Post(() => step.Wait(ServingBench.Soon)); // as a long step of others
        var request = bench.Request(ServingBench.Prompt(70, 1), what == "ends with it" ? 1 : 10, "p");
        using var client = new CancellationTokenSource();
        List<EngineEvent> events = [];
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asking = Task.Run(async () =>
        {
            await foreach (var happened in decode.GenerateAsync(request, client.Token))
            {
                events.Add(happened);
                if (happened is TokenEvent) told.TrySetResult();
            }
        });
        await told.Task.WaitAsync(ServingBench.Soon / 2);
        Assert.False(step.IsSet);
        Assert.Equal(bench.Expected(request.Prompt, 1), ServingBench.TokensOf(events));

        var stopping = Task.CompletedTask;
        if (what == "the client goes") await client.CancelAsync();
        if (what == "the engine ends") stopping = bench.StopAsync("d");
        await Task.Delay(100); // for what must not happen
        Assert.False(asking.IsCompleted);
        Assert.True(decode.Ranks[0].Blocks.Snapshot() is { Ready: > 0 } or { InFlight: > 0 } or { Quiesced: > 0 }, "its blocks are somebody else's before the steps have been told");
        step.Set();
        await Task.WhenAny(asking).WaitAsync(ServingBench.Soon); // the client that goes is told so
        await stopping;
        if (what == "the client goes")
        {
            Assert.Single(events.OfType<TokenEvent>());
        }
        else if (what == "the engine ends")
        {
            Assert.Equal(("stopping", true), events[^1] is FailedEvent failed ? (failed.Code, failed.CanRetry) : default);
            var other = await bench.StartAsync("e", EngineRole.Decode);
            var rest = bench.Request(request.Prompt, request.MaxTokens);
            rest.Emitted = ServingBench.TokensOf(events);
            bench.AssertAnswer(rest, await ServingBench.AskAsync(other, rest));
        }
        else
        {
            bench.AssertAnswer(request, events);
        }
        await bench.AssertQuietAsync();
    }
}
