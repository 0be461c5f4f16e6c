namespace Nixl.Sdk.Tests.Serving;

/// <summary>Histories of leases against a naive reference. A failure prints the seed or the sequence, and the steps.</summary>
public sealed class BlockModelTests
{
    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 6)]
    [InlineData(3, 9)]
    public void Random_histories(int group, int blocks)
    {
        for (var round = 0; round < 250; round++)
        {
            var seed = group * 100_000 + round;
            var random = new Random(seed);
            Run($"seed {seed}, {blocks} blocks", blocks, random.Next, model =>
            {
                for (var step = 0; step < 100; step++) model.Step(random.Next(BlockModel.Actions));
            });
        }
    }

    /// <summary>Every sequence of five of the steps that decide about life and death, on two blocks, with every first and last choice.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_short_history(bool last)
    {
        int[] alphabet = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17];
        var sequence = new int[5];
        for (var number = 0; number < (int)Math.Pow(alphabet.Length, sequence.Length); number++)
        {
            for (var (i, rest) = (0, number); i < sequence.Length; i++, rest /= alphabet.Length) sequence[i] = alphabet[rest % alphabet.Length];
            if (sequence[0] != 0) continue; // without a lease there is nothing to do
            Run("steps " + string.Join(' ', sequence), 2, most => last ? most - 1 : 0, model =>
            {
                foreach (var action in sequence) model.Step(action);
            });
        }
    }

    private static void Run(string name, int blocks, Func<int, int> choose, Action<BlockModel> act)
    {
        using var model = new BlockModel(blocks, choose);
        try
        {
            act(model);
            model.End();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{name}:\n  {string.Join("\n  ", model.History)}\n{e.Message}", e);
        }
    }
}
