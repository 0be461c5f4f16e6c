using System.Globalization;
using System.Security.Cryptography;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Processes;

/// <summary>Two processes, one of which is killed in mid-transfer. Nobody hangs, and the survivor is told who is gone.</summary>
public class KillTests
{
    private const int Blocks = 4096, BlockBytes = 4096;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    public static TheoryData<Backend, bool> Cases() => new()
    {
        { Backend.Local, true }, { Backend.Local, false }, { Backend.Fabric, true }, { Backend.Fabric, false },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Blocks_arrive_in_another_process(Backend backend, bool arena)
    {
        await using var world = await World.CreateAsync(backend, arena);
        Assert.Equal(backend.Transports(), world.Peer.Transport);
        if (backend == Backend.Local)
            Assert.True(world.Peer.ProcessId > 0);
        new Random(4).NextBytes(world.Memory.Span);
        await world.Child.AskAsync($"poison {TestMemory.Poison}", "poisoned");
        // Half of the blocks, in random order on both sides: the others keep their poison.
        var (ids, targets) = (Enumerable.Range(0, Blocks).ToArray(), Enumerable.Range(0, Blocks).ToArray());
        new Random(5).Shuffle(ids);
        new Random(6).Shuffle(targets);
        (ids, targets) = (ids[..(Blocks / 2)], targets[..(Blocks / 2)]);
        var sent = world.Memory.Copy();
        var expected = new byte[sent.Length];
        expected.AsSpan().Fill(TestMemory.Poison);
        for (var i = 0; i < ids.Length; i++)
            sent.AsSpan(ids[i] * BlockBytes, BlockBytes).CopyTo(expected.AsSpan(targets[i] * BlockBytes));

        await world.Write.PostAsync(ids, targets).SoonAsync();
        Assert.Equal(Convert.ToHexString(SHA256.HashData(expected)), await world.Child.AskAsync("hash", "hash"));

        // And by READ, in another order: block i from block N-1-i of the other process.
        world.Memory.Fill(TestMemory.Poison);
        var all = Enumerable.Range(0, Blocks).ToArray();
        await world.Read.PostAsync(all, all.AsEnumerable().Reverse().ToArray()).SoonAsync();
        for (var i = 0; i < Blocks; i++)
        {
            Assert.True(
                world.Memory.Span.Slice(i * BlockBytes, BlockBytes).SequenceEqual(expected.AsSpan((Blocks - 1 - i) * BlockBytes, BlockBytes)),
                $"block {i}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_target_is_killed_while_we_write(Backend backend, bool arena)
    {
        await using var world = await World.CreateAsync(backend, arena);
        var changed = new TaskCompletionSource<PeerStateChangedEventArgs>();
        world.Agent.PeerStateChanged += (_, change) =>
        {
            if (change.State == PeerState.Disconnected)
                changed.TrySetResult(change);
        };
        var ids = Enumerable.Range(0, Blocks).ToArray();
        await world.Write.PostAsync(ids, ids).SoonAsync();
        var started = new TaskCompletionSource();
        var writing = Task.Run(async () =>
        {
            for (var i = 0; ; i++)
            {
                var post = world.Write.PostAsync(ids, ids, new PostOptions { Timeout = Deadline });
                if (i == 2)
                    started.SetResult();
                await post;
            }
        });
        await started.Task.SoonAsync();

        world.Child.Kill();

        var error = await Assert.ThrowsAsync<PeerDisconnectedException>(() => writing.WaitAsync(Deadline));
        Assert.Equal(world.Peer.Name, error.Peer);
        Assert.Contains(world.Peer.Name, error.Message, StringComparison.Ordinal);
        await world.Write.Quiesced.AsTask().WaitAsync(Deadline);
        Assert.Same(world.Peer, (await changed.Task.WaitAsync(Deadline)).Peer);
        Assert.Equal(PeerState.Disconnected, world.Peer.State);
        Assert.Throws<PeerDisconnectedException>(() => _ = world.Write.PostAsync(ids, ids));
        Assert.Throws<PeerDisconnectedException>(() => _ = world.Agent.NotifyAsync(world.Peer, []));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_target_is_killed_while_we_wait_for_its_bytes(Backend backend, bool arena)
    {
        await using var world = await World.CreateAsync(backend, arena);
        var ids = Enumerable.Range(0, Blocks).ToArray();
        var reading = Task.Run(async () =>
        {
            while (true)
                await world.Read.PostAsync(ids, ids, new PostOptions { Timeout = Deadline });
        });
        await Deadlines.UntilAsync(() => world.Agent.GetCounters(world.Peer.Transport).ReadBytes > 0, "the first bytes");
        world.Child.Kill();
        var error = await Assert.ThrowsAsync<PeerDisconnectedException>(() => reading.WaitAsync(Deadline));
        Assert.Equal(world.Peer.Name, error.Peer);
        await world.Read.Quiesced.AsTask().WaitAsync(Deadline);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_initiator_is_killed_while_it_writes_to_us(Backend backend, bool arena)
    {
        await using var world = await World.CreateAsync(backend, arena);
        await world.Child.AskAsync($"connect {Convert.ToBase64String(world.Agent.ExportMetadata())} {world.Memory.Address}", "connected");
        await world.Child.AskAsync("fill 3", "filled");
        await world.Child.AskAsync("write", "writing");
        var buffer = new byte[16];
        await Deadlines.UntilAsync(() => world.Agent.TryReadNotification(buffer, out _), "the first notification");

        world.Child.Kill();

        // Our own connection to it tells us, without anything in flight.
        await Deadlines.UntilAsync(() => world.Peer.State == PeerState.Disconnected, "the peer's end is noticed");
        Assert.NotEmpty(world.Peer.Reason);
        var ids = Enumerable.Range(0, Blocks).ToArray();
        Assert.Throws<PeerDisconnectedException>(() => _ = world.Write.PostAsync(ids, ids));
        // Nobody can write into the memory any more, so it can be given up within a deadline.
        world.Write.Dispose();
        world.Read.Dispose();
        world.Local.Dispose();
        await Task.Run(() => world.Memory.Region.Deregister(Deadline)).WaitAsync(Deadline);
        world.Memory.Fill(TestMemory.Poison);
        await Task.Delay(200);
        Assert.True(world.Memory.Span.IndexOfAnyExcept(TestMemory.Poison) < 0, "written after the deregistration");
    }

    /// <summary>An agent here, one in the child, and transfers between two tensors of the same shape.</summary>
    private sealed class World : IAsyncDisposable
    {
        public required NixlAgent Agent { get; init; }

        public required ChildProcess Child { get; init; }

        public required TestMemory Memory { get; init; }

        public required RemoteAgent Peer { get; init; }

        public required PreparedList Local { get; init; }

        public required Transfer Write { get; init; }

        public required Transfer Read { get; init; }

        public static async Task<World> CreateAsync(Backend backend, bool arena)
        {
            var child = ChildProcess.Start(
                "serve", Pair.UniqueName("child"), backend.Transports().ToString(), $"{Blocks}", $"{BlockBytes}", arena ? "arena" : "own");
            try
            {
                var words = (await child.ExpectAsync("metadata")).Split(' ');
                var agent = await NixlAgent.CreateAsync(Pair.Options(backend, Pair.UniqueName("parent"))).SoonAsync();
                var memory = new TestMemory(agent, (long)Blocks * BlockBytes, arena);
                var peer = await agent.ConnectAsync(Convert.FromBase64String(words[0])).SoonAsync();
                var local = agent.PrepareLocal([new StridedRegion(memory.Address, BlockBytes, BlockBytes, Blocks)]);
                var remote = agent.PrepareRemote(
                    peer, [new StridedRegion(ulong.Parse(words[1], CultureInfo.InvariantCulture), BlockBytes, BlockBytes, Blocks)]);
                return new World
                {
                    Agent = agent,
                    Child = child,
                    Memory = memory,
                    Peer = peer,
                    Local = local,
                    Write = agent.CreateTransfer(TransferOperation.Write, local, remote),
                    Read = agent.CreateTransfer(TransferOperation.Read, local, remote),
                };
            }
            catch
            {
                await child.DisposeAsync();
                throw;
            }
        }

        public async ValueTask DisposeAsync()
        {
            await Child.DisposeAsync();
            await Agent.DisposeAsync().SoonAsync();
            Memory.Dispose();
        }
    }
}
