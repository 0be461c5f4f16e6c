using System.Diagnostics;
using Xunit.Abstractions;

namespace Nixl.Sdk.Serve.Tests;

/// <summary>Connections between engines that both live are cut in the middle of hand-overs: no client notices, nothing is leaked, and caches are handed over again.</summary>
[Collection(ProcessTests.Name)]
public sealed class CutTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [SkippableTheory]
    [InlineData("local")]
    [InlineData("fabric")]
    public async Task Clients_do_not_notice_cuts_between_engines_which_find_each_other_again(string transport)
    {
        Skip.IfNot(File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libnixlsdk.so")), "the native library is not built");
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        var start = Stopwatch.GetTimestamp();
        using var reference = new MonolithicReference();
        var options = new ClusterOptions { Engines = [new("prefill-0", "prefill"), new("decode-0", "decode")], Transport = transport, Blocks = 256 };
        await using var cluster = await ServeCluster.StartAsync(options, deadline.Token);
        if (SocketCutter.WhyNot(cluster.Router.Id) is { } why) Skip.If(true, why);
        Say($"engines are connected over the {transport} transport; logs are in {cluster.Folder}");
        using var client = new CompletionClient(cluster.Url, 2 * Soon, Soon);
        var (cutter, decode, seed) = (new SocketCutter(cluster.RouterUrl.Port), cluster.Engines[1], 0);
        foreach (var kind in transport == "fabric" ? (CutKind[])[CutKind.Control, CutKind.Data] : [CutKind.Control])
        {
            var load = AskAsync(24);
            var cut = 0;
            for (var i = 0; i < 4 && !load.IsCompleted; i++)
            {
                await Task.Delay(150, deadline.Token);
                cut += cutter.Cut(decode.Process!.Id, decode.Port, kind, () => true);
            }
            await load;
            Say($"{cut} {kind} connections were cut, and all answers have come");
            Assert.NotEqual(0, cut);
            Assert.True(await cluster.WaitUntilReadyAsync(Soon, deadline.Token), $"not connected again\n{cluster.LogTails(20)}");
            Say("connected again");
            var (_, held) = await SettleCheck.WaitAsync(cluster, Soon, deadline.Token);
            Assert.Empty(held);
            var before = await HandoversAsync();
            Say("all blocks are free");
            await AskAsync(4);
            Say("caches are handed over");
            Assert.True(await HandoversAsync() > before, $"no cache is handed over any more\n{cluster.LogTails(20)}");
        }

        void Say(string what) => output.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s  {what}");

        async Task AskAsync(int count)
        {
            var answers = await Task.WhenAll(PromptSet.Create(++seed, count).Select(prompt => client.CompleteAsync(prompt, stream: true, deadline.Token)));
            Assert.All(answers, answer => Assert.True(answer.Outcome == Outcome.Done, $"{answer}\n{cluster.LogTails(20)}"));
            Assert.Empty(AnswerJudge.Judge(answers, reference));
        }

        async Task<long> HandoversAsync() => (await decode.StatusAsync(deadline.Token))!.Peers.Sum(peer => peer.Requests);
    }
}
