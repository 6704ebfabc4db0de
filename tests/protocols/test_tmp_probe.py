from pyworkflow.tests import BaseTest, setupTestProject
from pwem.protocols import ProtImportVolumes
from tomo.protocols import ProtImportTomograms
import mrcfile, numpy as np, tempfile, os
class TestX(BaseTest):
    @classmethod
    def setUpClass(cls):
        setupTestProject(cls)
    def test_x(self):
        d=tempfile.mkdtemp(); f=os.path.join(d,"t1.mrc")
        with mrcfile.new(f) as m: m.set_data(np.random.rand(20,40,40).astype("float32")); m.voxel_size=10
        p=self.newProtocol(ProtImportTomograms, filesPath=f, samplingRate=10)
        self.launchProtocol(p)
        assert p.isFinished(), p.getErrorMessage()
def test_tf():
    import tensorflow as tf
    m=tf.keras.Sequential([tf.keras.layers.Input((8,8,8,1)),tf.keras.layers.Conv3D(2,3),tf.keras.layers.Flatten(),tf.keras.layers.Dense(2,activation="softmax")])
    m.compile("adam","categorical_crossentropy"); m.fit(tf.data.Dataset.from_tensor_slices((np.zeros((9,8,8,8,1)),np.eye(2)[[0]*9])).batch(4),epochs=1,shuffle=False,verbose=0)
    m.save(tempfile.mkdtemp()+"/a.keras"); d=tempfile.mkdtemp()+"/a.h5"; m.save(d); tf.keras.models.load_model(d)
