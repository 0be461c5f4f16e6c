using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Transfers;

/// <summary>Bytes arrive in the right place, all of them, and nothing else changes. Every byte of both sides is checked.</summary>
public class MoveTests
{
    public static TheoryData<Backend, TransferOperation, bool, int> Cases()
    {
        var data = new TheoryData<Backend, TransferOperation, bool, int>();
        foreach (var backend in Enum.GetValues<Backend>())
        {
            foreach (var operation in Enum.GetValues<TransferOperation>())
            {
                foreach (var arena in (bool[])[true, false])
                {
                    for (var shape = 0; shape < Shape.All.Length; shape++)
                        data.Add(backend, operation, arena, shape);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Random_blocks_arrive_and_nothing_else_changes(Backend backend, TransferOperation operation, bool arena, int shapeIndex)
    {
        var shape = Shape.All[shapeIndex];
        var random = new Random(shapeIndex);
        await using var pair = await Pair.CreateAsync(backend);
        var own = pair.MemoryOfA(shape.Length, arena);
        var other = pair.MemoryOfB(shape.Length, arena);
        await pair.ConnectAsync();
        Assert.Equal(backend == Backend.Fake ? NixlTransports.Loopback : backend.Transports(), pair.ToB.Transport);

        using var local = pair.A.PrepareLocal(shape.Regions(own.Address));
        using var remote = pair.A.PrepareRemote(pair.ToB, shape.Regions(other.Address));
        Assert.Equal(shape.Blocks, local.Entries);
        Assert.Equal(shape.BytesPerBlock, remote.BytesPerEntry);
        using var transfer = pair.A.CreateTransfer(operation, local, remote);

        for (var round = 0; round < 3; round++)
        {
            var (source, target) = operation == TransferOperation.Write ? (own, other) : (other, own);
            random.NextBytes(source.Span);
            target.Fill(TestMemory.Poison);
            var count = 1 + random.Next(shape.Blocks);
            var localIds = shape.RandomIds(random, count);
            var remoteIds = shape.RandomIds(random, count);
            var (sourceIds, targetIds) = operation == TransferOperation.Write ? (localIds, remoteIds) : (remoteIds, localIds);
            var sourceBefore = source.Copy();
            var expected = target.Copy();
            shape.Apply(sourceBefore, expected, sourceIds, targetIds);

            var result = await transfer.PostAsync(localIds, remoteIds).SoonAsync();

            Assert.Equal(count * shape.BytesPerBlock, result.Bytes);
            Assert.True(result.Operations > 0);
            Assert.True(result.Total >= TimeSpan.Zero);
            Assert.True(target.Span.SequenceEqual(expected), $"target differs in round {round}");
            Assert.True(source.Span.SequenceEqual(sourceBefore), $"source changed in round {round}");
            Assert.Equal(TransferState.Succeeded, transfer.State);
        }
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Flat_lists_of_different_lengths_move_by_descriptor(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        var own = pair.MemoryOfA(100_000);
        var other = pair.MemoryOfB(100_000);
        await pair.ConnectAsync();
        new Random(1).NextBytes(own.Span);
        int[] lengths = [1, 4096, 333, 65536, 2];
        var offset = 0;
        var descriptors = new List<(int Offset, int Length)>();
        foreach (var length in lengths)
        {
            descriptors.Add((offset, length));
            offset += length + 11;
        }

        using var local = pair.A.PrepareLocal([.. descriptors.Select(d => new MemoryDescriptor(own.Address + (ulong)d.Offset, (ulong)d.Length))]);
        using var remote = pair.A.PrepareRemote(
            pair.ToB, [.. descriptors.Select(d => new MemoryDescriptor(other.Address + (ulong)d.Offset + 7, (ulong)d.Length))]);
        Assert.Equal(ListMode.Flat, local.Mode);
        using var transfer = pair.A.CreateTransfer(TransferOperation.Write, local, remote);
        var expected = other.Copy();
        foreach (var id in (int[])[4, 0, 3, 1])
            own.Span.Slice(descriptors[id].Offset, descriptors[id].Length).CopyTo(expected.AsSpan(descriptors[id].Offset + 7));

        var result = await transfer.PostAsync([4, 0, 3, 1], [4, 0, 3, 1]).SoonAsync();

        Assert.Equal(2 + 1 + 65536 + 4096, result.Bytes);
        Assert.True(other.Span.SequenceEqual(expected));
        var error = Assert.Throws<NixlInvalidArgumentException>(() => _ = transfer.PostAsync([0, 1], [0, 2]));
        Assert.Equal(1, error.Entry);
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task The_transport_counts_what_it_moves(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        var own = pair.MemoryOfA(64 * 4096);
        var other = pair.MemoryOfB(64 * 4096);
        await pair.ConnectAsync();
        using var local = pair.A.PrepareLocal(Shape.All[0].Regions(own.Address));
        using var remote = pair.A.PrepareRemote(pair.ToB, Shape.All[0].Regions(other.Address));
        using var write = pair.A.CreateTransfer(TransferOperation.Write, local, remote);
        using var read = pair.A.CreateTransfer(TransferOperation.Read, local, remote);

        await write.PostAsync([1, 5, 9], [2, 3, 60]).SoonAsync();
        await read.PostAsync([7], [8]).SoonAsync();

        var counters = pair.A.GetCounters(pair.ToB.Transport);
        Assert.Equal(3 * 4096, counters.WrittenBytes);
        Assert.Equal(4096, counters.ReadBytes);
        Assert.Equal(2, counters.Transfers);
        Assert.Equal(0, counters.Failures);
    }
}
