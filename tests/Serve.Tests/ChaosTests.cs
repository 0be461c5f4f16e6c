using Xunit.Abstractions;

namespace Nixl.Sdk.Serve.Tests;

/// <summary>A short run of the chaos test, the same one each time; ./test.sh --chaos is the long one.</summary>
[Collection(ProcessTests.Name)]
public sealed class ChaosTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(15);

    [SkippableFact]
    public async Task After_chaos_every_answer_block_and_counter_is_right()
    {
        Skip.IfNot(File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libnixlsdk.so")), "the native library is not built");
        var options = new ChaosOptions { Seed = 0, Duration = Duration };
        options = options with { Seed = Enumerable.Range(20260801, 1000).First(seed => HasEverything(seed, options)) };
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var report = await ChaosRun.RunAsync(options, output.WriteLine, deadline.Token);
        output.WriteLine(report.ToString());
        Assert.True(report.Passed, string.Join('\n', report.Problems.Prepend($"seed {options.Seed}")));
        Assert.Contains(report.Answers, answer => answer.Outcome == Outcome.Done);
        Assert.Contains(ChaosAction.Kill, report.Steps.Keys);
        Assert.Contains(ChaosAction.KillRouter, report.Steps.Keys);
        // What is planned to be cut may be away at that moment, on a busy machine; that cuts are survived is CutTests' matter.
        if (report.WhyNoCuts is not null) output.WriteLine($"connections were not cut: {report.WhyNoCuts}");
    }

    // One kill of the router, so that there is time enough for answers.
    private static bool HasEverything(int seed, ChaosOptions options)
    {
        var plan = ChaosPlan.Create(seed, Duration, [.. options.Engines.Select(engine => engine.Role)]);
        return plan.Any(step => step.Action == ChaosAction.Kill) && plan.Count(step => step.Action == ChaosAction.CutSockets) >= 3
            && plan.Count(step => step.Action == ChaosAction.KillRouter) == 1;
    }
}
