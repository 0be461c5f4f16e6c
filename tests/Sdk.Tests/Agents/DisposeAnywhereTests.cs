using System.Runtime.InteropServices;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Agents;

/// <summary>An agent is disposed at a random moment while every other member of it is in use by other threads.</summary>
public class DisposeAnywhereTests
{
    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Disposing_races_with_everything_and_every_awaiter_ends(Backend backend)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var rounds = backend is Backend.Fake or Backend.Loopback or Backend.Local ? 12 : 3;
        for (var round = 0; round < rounds; round++)
        {
            await using var bench = await Bench.CreateAsync(backend, blocks: 64, blockBytes: 4096);
            var agent = bench.Pair.A;
            var metadata = bench.Pair.B.ExportMetadata();
            using var stop = new CancellationTokenSource();
            var transfers = Enumerable.Range(0, 2).Select(_ => bench.Write()).ToArray();
            Task[] users =
            [
                .. transfers.Select((t, i) => Use(async () => await t.PostAsync([i, i + 8], [i, i + 16], new PostOptions { Notification = new byte[] { 1 } }))),
                Use(async () => await agent.NotifyAsync(bench.Pair.ToB, new byte[] { 2 })),
                Use(async () => await agent.ConnectAsync(metadata)),
                Use(() => { using var list = agent.PrepareLocal([new StridedRegion(bench.Own.Address, 64, 64, 16)]); return Task.CompletedTask; }),
                Use(() => { RegisterAndForget(agent); return Task.CompletedTask; }),
                Use(() => { using var arena = agent.CreateArena(65536); return Task.CompletedTask; }),
                Use(() => { _ = agent.ExportMetadata(); _ = agent.Describe(); return Task.CompletedTask; }),
                Use(async () => await agent.WaitForNotificationAsync(stop.Token)),
                Task.Run(async () =>
                {
                    try
                    {
                        await foreach (var _ in bench.Pair.B.ReadNotificationsAsync(stop.Token))
                        {
                        }
                    }
                    catch (OperationCanceledException)
                    {
                    }
                }),
            ];
            await Task.Delay(random.Next(0, 30));
            await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () => await agent.DisposeAsync()))).SoonAsync();
            await stop.CancelAsync();
            await Task.WhenAll(users).SoonAsync(); // an awaiter that never ends would be seen here
            Assert.Equal(0, agent.Runtime.InFlight);
            foreach (var transfer in transfers)
            {
                Assert.True(transfer.Quiesced.IsCompleted, $"seed {seed}, round {round}");
                transfer.Dispose();
            }
        }
    }

    /// <summary>Again and again until the agent says that it is closed; nothing else may come out.</summary>
    private static Task Use(Func<Task> action) => Task.Run(async () =>
    {
        while (true)
        {
            try
            {
                await action();
            }
            catch (NixlBusyException)
            {
                await Task.Yield(); // the notification's credits, or a region that is just in use
            }
            catch (Exception e) when (e is ObjectDisposedException or OperationCanceledException or NixlClosedException)
            {
                return;
            }
        }
    });

    private static unsafe void RegisterAndForget(NixlAgent agent)
    {
        var memory = NativeMemory.AlignedAlloc(8192, 4096);
        try
        {
            using var region = agent.Register((nint)memory, 8192);
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }
}
