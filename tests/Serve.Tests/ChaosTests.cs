using Xunit.Abstractions;

namespace Nixl.Sdk.Serve.Tests;

/// <summary>A short run of the chaos test, the same one each time; ./test.sh --chaos is the long one.</summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    [SkippableFact]
    public async Task After_chaos_every_answer_block_and_counter_is_right()
    {
        Skip.IfNot(File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libnixlsdk.so")), "the native library is not built");
        var options = new ChaosOptions { Seed = 20260801, Duration = TimeSpan.FromSeconds(15) };
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var report = await ChaosRun.RunAsync(options, output.WriteLine, deadline.Token);
        output.WriteLine(report.ToString());
        Assert.True(report.Passed, string.Join('\n', report.Problems.Prepend($"seed {options.Seed}")));
        Assert.Contains(report.Answers, answer => answer.Outcome == Outcome.Done);
        Assert.Contains(ChaosAction.Kill, report.Steps.Keys);
    }
}
