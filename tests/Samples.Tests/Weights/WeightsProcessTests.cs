using System.Text.Json;
using Nixl.Sdk.Engine.Tests;
using Nixl.Sdk.Samples.Weights;

namespace Nixl.Sdk.Samples.Tests;

/// <summary>The sample as its user runs it: processes, native code, real transports. Skipped where the native library is not built.</summary>
public sealed class WeightsProcessTests
{
    private const string Program = "Weights.dll";

    [SkippableTheory]
    [InlineData("loopback", 1, 5_086_080)]
    [InlineData("local", 4, 4 * 1_399_680)]
    [InlineData("fabric", 2, 2 * 2_628_480)]
    public async Task Shards_are_read_and_give_the_logits_of_the_file(string transport, int ranks, long bytes)
    {
        SampleProcess.RequireNative(transport);
        var (code, output, errors) = await SampleProcess.RunAsync(
            Program, "demo", "--transport", transport, "--tp", $"{ranks}", "--runs", "2", "--json");
        Assert.True(code == 0, output + errors);
        using var json = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]);
        var report = json.RootElement;
        Assert.True(report.GetProperty("identical").GetBoolean());
        Assert.Equal(("peer", transport), (report.GetProperty("source").GetString(), report.GetProperty("transport").GetString()));
        Assert.Equal(bytes, report.GetProperty("bytes").GetInt64());
        Assert.Equal(transport != "loopback", report.GetProperty("peerProcessId").GetInt32() != report.GetProperty("processId").GetInt32());
    }

    [SkippableFact]
    public async Task An_engine_that_serve_has_started_is_read_by_load_as_often_as_one_likes()
    {
        SampleProcess.RequireNative("local");
        await using var model = await ChildPeer.StartProcessAsync(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"), NixlTransports.Local, SampleProcess.Deadline, default);
        for (var ranks = 1; ranks <= 2; ranks++)
        {
            var (code, output, errors) = await SampleProcess.RunAsync(Program, "load", "--port", $"{model.Ready.Port}", "--tp", $"{ranks}", "--runs", "1", "--json");
            Assert.True(code == 0, output + errors);
            using var json = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]);
            Assert.Equal(("peer", model.Ready.ProcessId), (json.RootElement.GetProperty("source").GetString(), json.RootElement.GetProperty("peerProcessId").GetInt32()));
            Assert.True(json.RootElement.GetProperty("identical").GetBoolean());
        }
        var (wrong, _, why) = await SampleProcess.RunAsync(Program, "load", "--port", $"{model.Ready.Port}", "--peer", "another", "--timeout", "1");
        Assert.Equal(2, wrong);
        Assert.Contains("agent 'another' does not publish its metadata here", why, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_peer_with_another_model_is_an_error_or_with_fallback_a_load_from_disk()
    {
        SampleProcess.RequireNative("local");
        using var other = TestModel.Create(vocabulary: 258);
        string[] arguments = ["demo", "--peer-model", other.Folder, "--runs", "1", "--json"];
        var (code, output, errors) = await SampleProcess.RunAsync(Program, arguments);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("hidden_size is 40 there and 160 here", errors, StringComparison.Ordinal);

        (code, output, errors) = await SampleProcess.RunAsync(Program, [.. arguments, "--fallback"]);
        Assert.True(code == 0, output + errors);
        using var json = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]);
        Assert.Equal("disk", json.RootElement.GetProperty("source").GetString());
        Assert.Contains("hidden_size", json.RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("local")]
    [InlineData("fabric")]
    public async Task A_peer_that_dies_midway_is_an_error_and_with_fallback_a_load_from_disk(string transport)
    {
        SampleProcess.RequireNative(transport);
        using var model = SyntheticModel.Create(24 << 20);
        var task = new LoadTask(
            model.Folder, Enum.Parse<NixlTransports>(transport, ignoreCase: true), Ranks: 1, Runs: 1, "In the beginning", Fallback: false, Json: true, TimeSpan.FromSeconds(60));
        await using (var peer = await ChildPeer.StartProcessAsync(model.Folder, task.Transport, task.Timeout, default))
            await Assert.ThrowsAnyAsync<NixlException>(() => NewEngine.RunAsync(peer, task with { OnTensor = KillOnce(peer) }, TextWriter.Null, default));

        await using (var peer = await ChildPeer.StartProcessAsync(model.Folder, task.Transport, task.Timeout, default))
        {
            using var output = new StringWriter();
            Assert.Equal(0, await NewEngine.RunAsync(peer, task with { OnTensor = KillOnce(peer), Fallback = true }, output, default));
            Assert.Contains("\"source\":\"disk\"", output.ToString(), StringComparison.Ordinal);
        }

        // The first tensor kills the peer; those that are verified meanwhile wait for its end, so that most are read from nobody.
        static Action<Model.WeightTensor> KillOnce(ChildPeer peer)
        {
            var (killed, gate) = (false, new Lock());
            return _ =>
            {
                lock (gate)
                {
                    if (!killed) peer.Kill();
                    killed = true;
                }
            };
        }
    }

    [Fact]
    public async Task Wrong_options_are_refused()
    {
        Assert.NotEqual(0, (await SampleProcess.RunAsync(Program, "demo", "--tp", "3")).Code);
        Assert.NotEqual(0, (await SampleProcess.RunAsync(Program, "demo", "--size", "lots")).Code);
        Assert.NotEqual(0, (await SampleProcess.RunAsync(Program, "serve", "--transport", "loopback")).Code);
        using var two = TestModel.Create(kvHeads: 2, vocabulary: 258); // two key/value heads: at most two ranks
        var (code, _, errors) = await SampleProcess.RunAsync(Program, "load", "--port", "1", "--model", two.Folder, "--tp", "4", "--fallback");
        Assert.Equal(2, code);
        Assert.Contains("at most 2 rank(s)", errors, StringComparison.Ordinal);
        (code, _, errors) = await SampleProcess.RunAsync(Program, "serve", "--model", "/nonexistent");
        Assert.Equal(2, code);
        Assert.Contains("/nonexistent", errors, StringComparison.Ordinal);
    }
}
