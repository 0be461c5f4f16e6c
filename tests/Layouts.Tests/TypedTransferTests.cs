using Nixl.Sdk.Layouts.Tests.Layouts;
using Nixl.Sdk.Testing;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests;

/// <summary>The generated forwarders move the right bytes of the right group. Every byte of the target is looked at.</summary>
public sealed class TypedTransferTests
{
    private const byte Poison = 0xA5;
    private const int Blocks = 6;
    private static readonly ModelIdentity Model = new("tiny", "r1");
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Writing_blocks_of_a_group_changes_those_blocks_of_that_group_only()
    {
        await using var pair = await Connected.CreateAsync();
        using var remote = pair.Source.Connect(pair.ToTarget);
        await TinyTwoGroups.Indexer.WriteBlocksAsync(remote, [3, 0, 5], [1, 2, 4], new PostOptions { Timeout = Deadline });
        pair.AssertTarget(group: 1, pageBytes: 4 * (32 + 4), from: [3, 0, 5], to: [1, 2, 4]);
    }

    [Fact]
    public async Task Reading_blocks_brings_them_from_the_peer()
    {
        await using var pair = await Connected.CreateAsync();
        using var remote = pair.Target.Connect(pair.ToSource);
        await TinyTwoGroups.Mla.ReadBlocksAsync(remote, [1, 2, 4], [3, 0, 5], new PostOptions { Timeout = Deadline });
        pair.AssertTarget(group: 0, pageBytes: 4 * (64 + 16 + 16), from: [3, 0, 5], to: [1, 2, 4]);
    }

    [Fact]
    public async Task Lists_prepared_from_addresses_move_the_same_blocks()
    {
        await using var pair = await Connected.CreateAsync();
        var plan = TinyTwoGroups.Plan(Blocks);
        using var local = TinyTwoGroups.Indexer.PrepareLocal(pair.Source.Agent, plan, Bases(pair.Source, 1));
        using var remote = TinyTwoGroups.Indexer.PrepareRemote(pair.Source.Agent, pair.ToTarget, plan, Bases(pair.Target, 1));
        using var transfer = pair.Source.Agent.CreateTransfer(TransferOperation.Write, local, remote);
        var result = await transfer.PostAsync([0, 4], [5, 0], new PostOptions { Timeout = Deadline });
        Assert.Equal(2 * TinyTwoGroups.Indexer.BytesPerBlock, result.Bytes);
        pair.AssertTarget(group: 1, pageBytes: 4 * (32 + 4), from: [0, 4], to: [5, 0]);
    }

    private static ulong[] Bases(KvPool pool, int group) =>
        Enumerable.Range(0, pool.Plan.Groups[group].Tensors.Count).Select(tensor => (ulong)pool.TensorAddress(group, tensor)).ToArray();

    private sealed class Connected(KvPool<TinyTwoGroups> source, KvPool<TinyTwoGroups> target) : IAsyncDisposable
    {
        public KvPool<TinyTwoGroups> Source => source;

        public KvPool<TinyTwoGroups> Target => target;

        public RemoteAgent ToTarget { get; private set; } = null!;

        public RemoteAgent ToSource { get; private set; } = null!;

        public static async Task<Connected> CreateAsync()
        {
            var network = new FakeTransport();
            var a = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "source", Transport = network });
            var b = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "target", Transport = network });
            var pair = new Connected(
                KvPool<TinyTwoGroups>.Allocate(a, Blocks, Model), KvPool<TinyTwoGroups>.Allocate(b, Blocks, Model));
            pair.ToTarget = await a.ConnectAsync(b.ExportMetadata());
            pair.ToSource = await b.ConnectAsync(a.ExportMetadata());
            var random = new Random(7);
            ForEachTensor(pair.Source, (_, bytes) => random.NextBytes(bytes.Span));
            ForEachTensor(pair.Target, (_, bytes) => bytes.Span.Fill(Poison));
            return pair;
        }

        // Pages of these groups are contiguous per layer and blocks their outermost dimension: no planner is needed to know them.
        public void AssertTarget(int group, int pageBytes, int[] from, int[] to)
        {
            var sources = new List<byte[]>();
            ForEachTensor(source, (_, bytes) => sources.Add(bytes.Span.ToArray()));
            var index = 0;
            ForEachTensor(target, (tensorGroup, bytes) =>
            {
                var expected = Enumerable.Repeat(Poison, bytes.Span.Length).ToArray();
                for (var i = 0; tensorGroup == group && i < from.Length; i++)
                    Array.Copy(sources[index], from[i] * pageBytes, expected, to[i] * pageBytes, pageBytes);
                Assert.Equal(expected, bytes.Span.ToArray());
                index++;
            });
            Assert.Equal(2 + 3, index);
        }

        public async ValueTask DisposeAsync()
        {
            source.Dispose();
            target.Dispose();
            await source.Agent.DisposeAsync();
            await target.Agent.DisposeAsync();
        }

        private static void ForEachTensor(KvPool pool, Action<int, TensorBytes> action)
        {
            for (var group = 0; group < pool.Plan.Groups.Count; group++)
            {
                for (var tensor = 0; tensor < pool.Plan.Groups[group].Tensors.Count; tensor++)
                    action(group, new TensorBytes(pool.TensorAddress(group, tensor), (int)pool.Plan.Groups[group].Tensors[tensor].Bytes));
            }
        }
    }

    // The pools own the memory and outlive every use of it here.
    private readonly record struct TensorBytes(nint Address, int Length)
    {
        public unsafe Span<byte> Span => new((void*)Address, Length);
    }
}
