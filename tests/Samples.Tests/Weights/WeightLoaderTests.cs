using System.Runtime.InteropServices;
using Nixl.Sdk.Engine.Tests;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Samples.Weights;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Samples.Tests;

#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes what it owns.
/// <summary>Shards that are read from a serving engine, over a fake network: every byte, and every way in which the peer can be wrong.</summary>
public sealed class WeightLoaderTests : IAsyncLifetime
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly FakeTransport _network = new();
    private readonly List<IAsyncDisposable> _owned = [];
    private int _agents;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var owned in Enumerable.Reverse(_owned)) await owned.DisposeAsync();
    }

    [Theory]
    [InlineData(1, true, "BF16")]
    [InlineData(2, true, "F32")]
    [InlineData(4, true, "BF16")]
    [InlineData(2, false, "F16")]
    [InlineData(4, false, "F32")] // 51 rows of an output matrix of its own: shares that differ by one
    public async Task Every_byte_of_every_shard_is_that_of_the_file(int ranks, bool tied, string type)
    {
        // Odd sizes: rows that are padded in memory, and parts of rows that begin anywhere.
        using var test = TestModel.Create(heads: 8, kvHeads: 4, headDim: 10, hidden: 40, feedForward: 72, vocabulary: 51, tied: tied, type: type);
        var peer = await ServeAsync(test.Model);
        for (var rank = 0; rank < ranks; rank++)
        {
            using var disk = LlamaModel.Load(test.Folder, rank, ranks);
            var agent = await AgentAsync();
            var seen = 0;
            var (shard, statistics) = await Loader(agent, _ => Interlocked.Increment(ref seen)).LoadAsync(peer.ExportMetadata(), disk.Config, rank, ranks);
            using (shard)
            {
                Assert.Equal(disk.Tensors.Select(t => t with { Address = 0 }), shard.Tensors.Select(t => t with { Address = 0 }));
                foreach (var (expected, found) in disk.Tensors.Zip(shard.Tensors))
                    for (var row = 0; row < expected.RowCount; row++)
                        Assert.True(
                            MemoryMarshal.AsBytes(expected.Row(row)).SequenceEqual(MemoryMarshal.AsBytes(found.Row(row))), $"{expected.Name}, row {row} of rank {rank} of {ranks}");
                Assert.Equal(disk.Tensors.Sum(t => t.RowBytes * t.RowCount), statistics.Bytes);
                Assert.Equal(disk.Tensors.Count, seen);
                Assert.Throws<NixlNotFoundException>(() => agent.Query(shard.Tensors[0].Address, shard.Tensors[0].Span)); // registered only while it was read
            }
        }
    }

    [Theory]
    [InlineData("model.layers.1.mlp.gate_proj.weight", 71, 0, 3)] // by rows: the last rank's
    [InlineData("model.layers.0.mlp.down_proj.weight", 5, 20, 1)] // by columns: rank 1 has 18 to 35
    [InlineData("model.norm.weight", 0, 39, -1)]                  // on every rank
    public async Task A_byte_that_changed_at_the_source_is_named_by_its_tensor_on_the_ranks_that_read_it(string name, int row, int column, int owner)
    {
        using var test = TestModel.Create(heads: 8, kvHeads: 4, headDim: 10, hidden: 40, feedForward: 72);
        var peer = await ServeAsync(test.Model);
        MemoryMarshal.AsBytes(test.Model.Tensors.Single(t => t.Name == name).Row(row))[(4 * column) + 2] ^= 1;
        for (var rank = 0; rank < 4; rank++)
        {
            var load = Loader(await AgentAsync()).LoadAsync(peer.ExportMetadata(), test.Config, rank, 4);
            if (owner >= 0 && owner != rank)
            {
                (await load).Model.Dispose();
                continue;
            }
            var error = await Assert.ThrowsAsync<WeightsException>(() => load);
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
            Assert.Contains("damaged", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Another_model_is_refused_with_every_field_that_differs()
    {
        using TestModel served = TestModel.Create(layers: 2, hidden: 40), wanted = TestModel.Create(layers: 3, hidden: 48, ropeTheta: 500_000);
        var peer = await ServeAsync(served.Model);
        var error = await Assert.ThrowsAsync<WeightsException>(async () => await Loader(await AgentAsync()).LoadAsync(peer.ExportMetadata(), wanted.Config, 0, 1));
        foreach (var expected in (string[])["num_hidden_layers is 2 there and 3 here", "hidden_size is 40 there and 48 here", "rope_theta is 10000 there and 500000 here"])
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("type", "model.norm.weight is BF16 there and F32 here")]
    [InlineData("shape", "model.norm.weight is [1, 41] there and [1, 40] here")]
    [InlineData("missing", "model.norm.weight is missing")]
    [InlineData("unknown", "model.bias is not known here")]
    [InlineData("twice", "model.norm.weight is there twice")]
    [InlineData("stride", "model.norm.weight has rows 8 bytes apart there")]
    [InlineData("nameless", "incomplete")]
    [InlineData("version", "not of version 1")]
    public async Task An_index_that_does_not_fit_is_refused_by_tensor(string what, string expected)
    {
        using var test = TestModel.Create();
        var peer = await ServeAsync(test.Model, index =>
        {
            var norm = index.Tensors.Single(t => t.Name == "model.norm.weight");
            WeightEntry[] others = [.. index.Tensors.Where(t => t != norm)];
            return what switch
            {
                "type" => index with { Tensors = [.. others, norm with { ElementType = "BF16" }] },
                "shape" => index with { Tensors = [.. others, norm with { Shape = [1, 41] }] },
                "missing" => index with { Tensors = others },
                "unknown" => index with { Tensors = [.. others, norm, norm with { Name = "model.bias" }] },
                "twice" => index with { Tensors = [.. others, norm, norm] },
                "nameless" => index with { Tensors = [.. others, norm with { Name = null! }] },
                "stride" => index with { Tensors = [.. others, norm with { RowStride = 8 }] },
                _ => index with { Version = 2 },
            };
        });
        var error = await Assert.ThrowsAsync<WeightsException>(async () => await Loader(await AgentAsync()).LoadAsync(peer.ExportMetadata(), test.Config, 0, 1));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_outside_of_what_the_peer_registered_is_not_read()
    {
        using var test = TestModel.Create();
        var peer = await ServeAsync(test.Model, index => index with { Tensors = [.. index.Tensors.Select(t => t with { Address = t.Address + (1UL << 40) })] });
        await Assert.ThrowsAsync<NixlNotFoundException>(async () => await Loader(await AgentAsync()).LoadAsync(peer.ExportMetadata(), test.Config, 0, 1));
    }

    [Fact]
    public async Task A_peer_that_serves_nothing_is_an_error_that_says_so()
    {
        using var test = TestModel.Create();
        var peer = await AgentAsync();
        var loader = new WeightLoader(await AgentAsync(), new WeightLoaderOptions(TimeSpan.FromSeconds(1)));
        var error = await Assert.ThrowsAsync<WeightsException>(() => loader.LoadAsync(peer.ExportMetadata(), test.Config, 0, 1));
        Assert.Contains("Does it serve any?", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_transfer_that_fails_ends_the_load_and_nothing_writes_any_more()
    {
        using var test = TestModel.Create();
        var peer = await ServeAsync(test.Model);
        var agent = await AgentAsync();
        // Request, answer and index first, then tensors.
        var load = Loader(agent, _ => _network.FailNext()).LoadAsync(peer.ExportMetadata(), test.Config, 0, 1);
        var error = await Assert.ThrowsAnyAsync<NixlException>(() => load);
        Assert.Contains("READ", error.Message, StringComparison.Ordinal);
        (await Loader(await AgentAsync()).LoadAsync(peer.ExportMetadata(), test.Config, 0, 1)).Model.Dispose(); // the next one is well again
    }

    [Fact]
    public async Task Whatever_peers_send_the_service_goes_on()
    {
        using var test = TestModel.Create();
        var server = await ServeAsync(test.Model);
        NixlAgent asking = await AgentAsync(), other = await AgentAsync();
        var peer = await asking.ConnectAsync(server.ExportMetadata());
        await asking.NotifyAsync(peer, "garbage"u8);
        await asking.NotifyAsync(peer, """{"kind":"weightsRequest"}"""u8);
        await asking.NotifyAsync(peer, """{"kind":"weightsRequest","metadata":"AAAA"}"""u8);
        await asking.NotifyAsync(peer, new WeightsRequest(other.ExportMetadata()).ToBytes());
        using var deadline = new CancellationTokenSource(Soon);
        await foreach (var answer in other.ReadNotificationsAsync(deadline.Token))
        {
            Assert.Contains("with the metadata of", Assert.IsType<WeightsRefusal>(WeightsMessage.TryParse(answer.Payload.Span)).Reason, StringComparison.Ordinal);
            break;
        }
        (await Loader(asking).LoadAsync(server.ExportMetadata(), test.Config, 0, 1)).Model.Dispose();
    }

    private static WeightLoader Loader(NixlAgent agent, Action<WeightTensor>? onTensor = null) => new(agent, new WeightLoaderOptions(Soon, Parallel: 3, onTensor));

    private async Task<NixlAgent> ServeAsync(LlamaModel model, Func<WeightIndex, WeightIndex>? change = null)
    {
        var agent = await AgentAsync();
        var index = WeightServer.Describe("test", model);
        _owned.Add(new WeightServer(agent, change is null ? index : change(index), model, Soon, _ => { }));
        return agent;
    }

    private async Task<NixlAgent> AgentAsync()
    {
        var agent = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = $"agent-{_agents++}", Transport = _network, DefaultTimeout = Soon });
        _owned.Add(agent);
        return agent;
    }
}
