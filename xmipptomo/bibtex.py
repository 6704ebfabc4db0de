"""
@article{SanchezGarcia2018,
  title = {Deep Consensus, a deep learning-based approach for particle pruning in cryo-electron microscopy},
  author = {Sanchez-Garcia, Ruben and Segura, Joan and Maluenda, David and Carazo, Jose Maria and Sorzano, Carlos Oscar S.},
  journal = {IUCrJ},
  volume = {5},
  pages = {854--865},
  year = {2018},
  doi = {http://doi.org/10.1107/S2052252518014392}
}
@mastersthesis{IcetaTena2023,
  title = {Improvement of the validation capability for cryoET SOI detection workflows inside Scipion},
  author = {Iceta Tena, Mikel},
  journal = {Master's thesis, Universidad Autónoma de Madrid},
  school = {Universidad Autónoma de Madrid},
  year = {2023}
}
@article{JimenezDeLaMorena2022,
  title = {ScipionTomo: Towards cryo-electron tomography software integration, reproducibility, and validation},
  author = {Jiménez de la Morena, Jorge and Conesa, Pablo and Fonseca, Yunior C. and others},
  journal = {Journal of Structural Biology},
  volume = {214},
  pages = {107872},
  year = {2022},
  doi = {http://doi.org/10.1016/j.jsb.2022.107872}
}
@article{Gubins2020,
  title = {SHREC 2020: Classification in cryo-electron tomograms},
  author = {Gubins, Ilja and Chaillet, Marten L. and van der Schot, Gijs and Veltkamp, Remco C. and Förster, Friedrich and
  others}, journal = {Computers & Graphics},
  volume = {91},
  pages = {279--289},
  year = {2020},
  doi = {http://doi.org/10.1016/j.cag.2020.07.010}
}
@article{Roseman2003,
  title = {Particle finding in electron micrographs using a fast local correlation algorithm},
  author = {Roseman, Alan M.},
  journal = {Ultramicroscopy},
  volume = {94},
  pages = {225--236},
  year = {2003},
  doi = {http://doi.org/10.1016/S0304-3991(02)00333-9}
}
@article{Frangakis2002,
  title = {Identification of macromolecular complexes in cryoelectron tomograms of phantom cells},
  author = {Frangakis, Achilleas S. and Böhm, Jochen and Förster, Friedrich and Nickell, Stephan and others},
  journal = {Proceedings of the National Academy of Sciences},
  volume = {99},
  pages = {14153--14158},
  year = {2002},
  doi = {http://doi.org/10.1073/pnas.172520299}
}
@article{Lindeberg1998,
  title = {Feature detection with automatic scale selection},
  author = {Lindeberg, Tony},
  journal = {International Journal of Computer Vision},
  volume = {30},
  pages = {79--116},
  year = {1998},
  doi = {http://doi.org/10.1023/A:1008045108935}
}

@article{Moebel2021,
  title = {Deep learning improves macromolecule identification in 3D cellular cryo-electron tomograms},
  author = {Moebel, Emmanuel and Martinez-Sanchez, Antonio and Lamm, Lorenz and others},
  journal = {Nature Methods},
  volume = {18},
  pages = {1386--1394},
  year = {2021},
  doi = {http://doi.org/10.1038/s41592-021-01275-4}
}
"""
