using System.Runtime.Intrinsics;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Each element of a matrix product has the bits of its dot product alone, whatever tile it falls into and wherever it lies.</summary>
public sealed class KernelTests
{
    [Theory]
    [InlineData(8, 4, 1)]
    [InlineData(160, 13, 7)]
    [InlineData(37, 6, 4)]
    [InlineData(3, 5, 5)]
    [InlineData(96, 64, 9)]
    public unsafe void A_product_is_its_dot_products(int columns, int rows, int tokens)
    {
        using Matrix weight = Random(rows, columns + 5, 1), x = Random(tokens, columns + 3, 2), y = Random(tokens, rows + 2, 3);
        var guard = y.Row(tokens - 1)[rows + 1];
        // Views that begin off every boundary.
        LinearKernel.Run(weight.ColumnsOf(5, columns), x.ColumnsOf(3, columns), y.ColumnsOf(1, rows));
        for (var t = 0; t < tokens; t++)
            for (var row = 0; row < rows; row++)
            {
                fixed (float* a = weight.Row(row)[5..], b = x.Row(t)[3..])
                    Assert.Equal(LinearKernel.Dot(a, b, columns), y.Row(t)[row + 1]);
                var exact = 0.0;
                for (var i = 0; i < columns; i++) exact += (double)weight.Row(row)[i + 5] * x.Row(t)[i + 3];
                Assert.Equal(exact, y.Row(t)[row + 1], 1e-4);
            }
        Assert.Equal(guard, y.Row(tokens - 1)[rows + 1]);
    }

    [Fact]
    public void Lanes_are_summed_in_the_order_that_is_spelled_out()
    {
        var random = new Random(4);
        for (var round = 0; round < 200; round++)
        {
            Vector256<float> a = Lanes(random), b = Lanes(random), c = Lanes(random), d = Lanes(random);
            Assert.Equal(Vector128.Create(LaneSums.Plain(a), LaneSums.Plain(b), LaneSums.Plain(c), LaneSums.Plain(d)), LaneSums.Four(a, b, c, d));
            Assert.Equal(LaneSums.Plain(a), LaneSums.One(a));
        }
    }

    private static Vector256<float> Lanes(Random random)
    {
        var values = new float[8];
        for (var i = 0; i < 8; i++) values[i] = (float)(random.NextDouble() * Math.Pow(10, random.Next(-6, 6)));
        return Vector256.Create(values);
    }

    private static Matrix Random(int rows, int columns, int seed)
    {
        var random = new Random(seed);
        var matrix = new Matrix(rows, columns);
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++) matrix.Row(row)[column] = (float)(random.NextDouble() - 0.5);
        return matrix;
    }
}
