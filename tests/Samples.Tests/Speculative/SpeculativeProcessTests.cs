using System.Text.Json;

namespace Nixl.Sdk.Samples.Tests;

/// <summary>The sample as its user runs it: processes, native code, real transports. Skipped where the native library is not built.</summary>
public sealed class SpeculativeProcessTests
{
    private const string Program = "Speculative.dll";

    [SkippableTheory]
    [InlineData("loopback", 5)]
    [InlineData("local", 4)]
    [InlineData("fabric", 3)]
    public async Task Tokens_are_identical_to_plain_decoding(string transport, int k)
    {
        SampleProcess.RequireNative(transport);
        using var report = await DemoAsync("--transport", transport, "--k", $"{k}", "--tokens", "60", "--runs", "2");
        var root = report.RootElement;
        Assert.Equal(("Remote", transport), (root.GetProperty("draft").GetString(), root.GetProperty("transport").GetString()));
        Assert.Equal(transport != "loopback", root.GetProperty("processId").GetInt32() != root.GetProperty("draftProcessId").GetInt32());
        Assert.True(root.GetProperty("acceptanceRate").GetDouble() > 0.4);
        // A block of 4 tokens is 4 KiB; a round changes two or three of them, the first one those of the prompt too.
        Assert.InRange(root.GetProperty("kvBytes").GetInt64(), root.GetProperty("kvWrites").GetInt32() * 4096L, root.GetProperty("kvWrites").GetInt32() * 6 * 4096L);
    }

    [SkippableTheory]
    [InlineData("local")]
    [InlineData("fabric")]
    public async Task A_draft_engine_that_is_killed_is_taken_over(string transport)
    {
        SampleProcess.RequireNative(transport);
        using var report = await DemoAsync("--transport", transport, "--tokens", "100", "--kill-draft-after", "5");
        Assert.Equal("TakenOver", report.RootElement.GetProperty("draft").GetString());
        Assert.True(report.RootElement.GetProperty("positionsComputedAfterTakeOver").GetInt64() > 0);
    }

    [Fact]
    public async Task Wrong_options_are_refused()
    {
        Assert.NotEqual(0, (await SampleProcess.RunAsync(Program, "demo", "--k", "17")).Code);
        Assert.NotEqual(0, (await SampleProcess.RunAsync(Program, "demo", "--transport", "loopback", "--kill-draft-after", "3")).Code);
        var (code, _, errors) = await SampleProcess.RunAsync(Program, "demo", "--draft-model", Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"));
        Assert.Equal(2, code);
        Assert.Contains("num_hidden_layers is 4, KjvDraftKv's Layers is 2", errors, StringComparison.Ordinal);
    }

    private static async Task<JsonDocument> DemoAsync(params string[] arguments)
    {
        var (code, output, errors) = await SampleProcess.RunAsync(Program, ["demo", "--json", .. arguments]);
        Assert.True(code == 0, output + errors);
        var report = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]);
        Assert.True(report.RootElement.GetProperty("identical").GetBoolean());
        Assert.Equal(0, report.RootElement.GetProperty("problems").GetArrayLength());
        return report;
    }
}
